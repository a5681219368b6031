"""Names of PyTorch's compiled core that programs use: ``torch._C``."""

from __future__ import annotations

from .dtypes import dtype
from .lazy.spec import Size
from .ops.overrides import DisableTorchFunctionSubclass, modes
from .ops.random import Generator
from .ops.storages import UntypedStorage
from .runtime.devices import device
from .tensor import Tensor
from .tensor import _disabled_torch_function_impl as _disabled_torch_function_impl

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "Generator", "Size", "StorageBase", "TensorBase", "device", "dtype"]

TensorBase, StorageBase = Tensor, UntypedStorage


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Within the block, subclasses are treated as plain tensors, and modes are not asked."""

    def __enter__(self):
        super().__enter__()
        self._stack, modes.stack = modes.stack, ()

    def __exit__(self, *exc):
        modes.stack = self._stack
        super().__exit__(*exc)
