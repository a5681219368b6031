"""flambeau: PyTorch's interface, written and compiled in Python."""
from . import ops
from .lazy import run as _run
from .tensor import Tensor
globals().update(ops.NAMESPACES["torch"])
