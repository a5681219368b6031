"""Parameters and buffers: the tensors that a module owns."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from .. import ops
from ..tensor import Tensor, _disabled_torch_function_impl, as_subclass, styled

__all__ = [
    "Parameter",
    "UninitializedParameter",
    "is_lazy",
    "Buffer",
    "UninitializedBuffer",
    "UninitializedTensorMixin",
]


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    """Lets a tensor of a custom subclass count as a Parameter once ``_is_param`` is set on it."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a module registers as trainable when it is assigned as an attribute.

    ``data`` is shared, not copied; without it the parameter is an empty float tensor. A tensor of
    a custom subclass keeps its class and is marked as a parameter. Raises RuntimeError where
    gradients are asked of a dtype that has none.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True):
        if data is None:
            data = ops.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            return as_subclass(data.data, cls).requires_grad_(requires_grad)
        return _mark_parameter(data, requires_grad)

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any):
        # Hooks are never saved; the empty mapping keeps the argument list that PyTorch's files have.
        if self.__dict__:
            from .._utils import _rebuild_parameter_with_state

            return _rebuild_parameter_with_state, (self.data, self.requires_grad, OrderedDict(), dict(self.__dict__))
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict())

    # Operators on parameters give plain tensors.
    __torch_function__ = staticmethod(_disabled_torch_function_impl)


def _mark_parameter(data: Tensor, requires_grad: bool) -> Tensor:
    marked = data.detach().requires_grad_(requires_grad)
    if type(marked) is not type(data):
        raise RuntimeError(
            f"Creating a Parameter from an instance of type {type(data).__name__} requires that "
            f"detach() returns an instance of the same type, "
            f"but return type {type(marked).__name__} was found instead."
        )
    marked._is_param = True
    return marked


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """Make a parameter from what a file holds; ``backward_hooks`` is empty, as hooks are not saved."""
    return Parameter(data, requires_grad)


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    """Makes ``isinstance(tensor, Buffer)`` ask for the mark that :class:`Buffer` leaves on a tensor."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a module registers as a buffer when it is assigned as an attribute.

    The result keeps the class of ``data`` (an empty float tensor by default). With
    ``persistent=False`` it is left out of the module's state dict.
    """

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True):
        if data is None:
            data = ops.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked


_MATERIALIZE_FIRST = "Call `forward` with a first batch to initialize the parameters before using them as tensors."


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet: until :meth:`materialize` it can be moved, cast and copied into only."""

    cls_to_become: type = Tensor
    _asks = False  # of the attributes, only those below tell that there is nothing yet

    _allowed_methods = frozenset(
        [
            "__hash__",
            "size",
            "copy_",
            "is_complex",
            "is_floating_point",
            "half",
            "bfloat16",
            "float",
            "double",
            "char",
            "short",
        ]
        + ["int", "long", "cuda", "cpu", "to", "get_device"]
    )

    if TYPE_CHECKING:
        data: Tensor
        requires_grad: bool
        _spec: Any

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary tensor of ``shape``, uninitialized, of the same dtype and device unless others are given."""
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        known = self.cls_to_become
        self.__class__ = known
        self._spec = styled(self._spec, known)
        self.data = ops.empty(shape, device=device, dtype=dtype)

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. "
            + _MATERIALIZE_FIRST
        )

    def share_memory_(self) -> None:
        """Refused: there is no memory yet."""
        raise RuntimeError("Can't share memory on an uninitialized parameter or buffer. " + _MATERIALIZE_FIRST)

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(f"Attempted to use an uninitialized {type(self).__name__}. {_MATERIALIZE_FIRST}")

    # Metadata that never asks __torch_function__.
    numel = nelement = dim = ndimension = stride = tolist = item = _refuse

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any):
        return type(self), (self.requires_grad,)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if getattr(func, "__name__", "") in (*cls._allowed_methods, "__get__", "__set__"):
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[misc]
        raise ValueError(f"Attempted to use an uninitialized {cls.__name__} in {func}. {_MATERIALIZE_FIRST}")


def is_lazy(param: Any) -> bool:
    """Whether ``param`` is an :class:`UninitializedParameter` or an :class:`UninitializedBuffer`."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter of a shape that the first input will tell; ``materialize`` makes it a :class:`Parameter`."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None):
        return as_subclass(ops.empty(0, device=device, dtype=dtype), cls).requires_grad_(requires_grad)

    def __deepcopy__(self, memo: dict) -> UninitializedParameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer of a shape that the first input will tell; ``materialize`` makes it a plain tensor."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True):
        made = as_subclass(ops.empty(0, device=device, dtype=dtype), cls).requires_grad_(requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made

    def __deepcopy__(self, memo: dict) -> UninitializedBuffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.data.device, self.data.dtype, self.persistent)
        return memo[id(self)]
