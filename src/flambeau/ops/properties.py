"""Questions about tensors, dtypes and Python values that no instruction answers."""

from __future__ import annotations

from .. import dtypes
from ..runtime import devices
from ..runtime.warning import warn_once
from ..tensor import Tensor
from .promotion import result_type_of
from .registry import export, function
from .storages import TypedStorage, UntypedStorage


def is_tensor(obj) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj) -> bool:
    """Whether ``obj`` is a storage."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


def typename(obj) -> str:
    """The type's name: ``'torch.FloatTensor'`` for tensors."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = getattr(kind, "__module__", "") or ""
    name = getattr(kind, "__qualname__", kind.__name__)
    return name if module in ("", "builtins") else f"{module}.{name}"


def _tensor(name: str, input) -> Tensor:
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input


def _asking(name: str) -> None:
    def ask(input):
        return getattr(_tensor(name, input), name)()

    ask.__name__ = name
    ask.__doc__ = getattr(Tensor, name).__doc__
    function()(ask)


for _name in ("is_floating_point", "is_signed", "is_neg", "is_conj", "is_inference", "numel", "get_device"):
    _asking(_name)


@function(method=True)
def is_nonzero(input):
    """Whether the only element is not zero. Raises RuntimeError unless there is one element."""
    if _tensor("is_nonzero", input).numel() != 1:
        state = "no values" if not input.numel() else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {state} is ambiguous")
    return bool(input.item())


@function(method=True)
def is_distributed(input):
    """False: a tensor's memory is in this process."""
    return False


@function()
def is_same_size(input, other):
    """Whether both tensors have the same shape."""
    return input.shape == other.shape


# -- promotion --------------------------------------------------------------------------------------------------------


def promote_types(type1, type2):
    """The smallest dtype that holds values of both."""
    return dtypes.promote_types(dtypes.checked("promote_types", "type1", 1, type1), dtypes.checked("promote_types", "type2", 2, type2))


def can_cast(from_, to):
    """Whether a result of type ``from_`` may be written to an output of type ``to``."""
    return dtypes.can_cast(dtypes.checked("can_cast", "from_", 1, from_), dtypes.checked("can_cast", "to", 2, to))


@function()
def result_type(tensor1, tensor2):
    """The dtype of an arithmetic result of two operands, each a tensor or a number."""
    return result_type_of((tensor1, tensor2))


# -- defaults ---------------------------------------------------------------------------------------------------------


def get_default_device():
    """Where new tensors lie unless they are told otherwise."""
    return devices.resolve(None)


def set_default_tensor_type(t) -> None:
    """Set the default dtype by the name or class of a tensor type such as ``torch.DoubleTensor``."""
    from .conversion import legacy_dtype

    warn_once("torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
              "torch.set_default_device() as alternatives.")
    dtypes.set_default_dtype(legacy_dtype(t) if isinstance(t, str) else t.dtype)


for _value in (is_tensor, is_storage, typename, promote_types, can_cast, get_default_device, set_default_tensor_type,
               dtypes.get_default_dtype, dtypes.set_default_dtype, devices.set_default_device):
    export("torch", _value.__name__, _value)

