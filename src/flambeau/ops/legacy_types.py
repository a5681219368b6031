"""``Tensor(...)``, and ``FloatTensor`` and its kin: old names that make tensors of one dtype, and that ``isinstance`` understands."""

from __future__ import annotations

import numpy as np

from ..dtypes import get_default_dtype
from ..lazy.spec import Size
from ..runtime import devices
from ..tensor import Tensor, set_legacy_constructor
from . import creation
from .conversion import _LEGACY_NAMES
from .registry import export
from .storages import TypedStorage, UntypedStorage
from .subclassing import alias


def _made(dtype, args: tuple, options: dict) -> Tensor:
    """A tensor of ``dtype`` of the given sizes, or of one argument: data, a storage or a tensor, whose memory is shown."""
    where = devices.device(options.pop("device", None) or "cpu")
    if where.type != "cpu":
        raise RuntimeError(f"legacy constructor expects device type: cpu but device type: {where.type} was passed")
    if "size" in options:
        args += (Size(options.pop("size")),)
    args += tuple([options.pop(name) for name in ("data", "other", "storage") if name in options])
    if options:
        raise TypeError(f"new() received an invalid combination of arguments: got {', '.join(options)}")
    if len(args) != 1 or isinstance(args[0], (Size, np.integer)) or args[0].__class__ is int:
        return creation.empty(*(args or (0,)), dtype=dtype, device="cpu")
    (given,) = args
    if isinstance(given, Tensor):
        return alias(given).as_subclass(Tensor)
    if isinstance(given, (UntypedStorage, TypedStorage)):
        return creation.empty(0, dtype=dtype, device="cpu").set_(given)
    if not hasattr(given, "__len__") or not hasattr(given, "__getitem__") or isinstance(given, dict):
        raise TypeError(f"new(): data must be a sequence (got {type(given).__name__})")
    return creation.tensor(given, dtype=dtype, device="cpu")


set_legacy_constructor(lambda *args, **options: _made(get_default_dtype(), args, options))

_MODULE = __name__.partition(".")[0]  # where pickles find the classes


class TensorType(type):
    """The class of ``FloatTensor`` and its kin."""

    is_cuda = is_sparse = False
    layout = devices.strided

    def __instancecheck__(cls, instance) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *args, **options) -> Tensor:
        if len(args) == 1 and isinstance(args[0], Tensor) and args[0].dtype is not cls.dtype:
            raise TypeError(f"{cls.__name__}(): expected a tensor of {cls.dtype}, got one of {args[0].dtype}")
        return _made(cls.dtype, args, options)


for _name, _dtype in _LEGACY_NAMES.items():
    if not _name.startswith("Complex"):
        export("torch", _name, TensorType(_name, (), {"dtype": _dtype, "__module__": _MODULE, "__doc__": f"Makes {_dtype!r} tensors."}))
