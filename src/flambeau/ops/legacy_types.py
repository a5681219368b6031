"""``FloatTensor`` and its kin: old names that make tensors of one dtype, and that ``isinstance`` understands."""

from __future__ import annotations

from ..lazy.spec import Size
from ..tensor import Tensor
from . import creation
from .conversion import _LEGACY_NAMES
from .registry import export


class TensorType(type):
    """The class of ``FloatTensor`` and its kin."""

    def __instancecheck__(cls, instance) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *args, device=None):
        if len(args) == 1 and isinstance(args[0], Tensor):
            return args[0].to(cls.dtype).detach()
        if len(args) == 1 and not isinstance(args[0], (int, Size)):
            return creation.tensor(args[0], dtype=cls.dtype, device=device)
        return creation.empty(*(args or (0,)), dtype=cls.dtype, device=device)


for _name, _dtype in _LEGACY_NAMES.items():
    if not _name.startswith("Complex"):
        export("torch", _name, TensorType(_name, (), {"dtype": _dtype, "__module__": "torch", "__doc__": f"Makes {_dtype!r} tensors."}))
