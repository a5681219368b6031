"""flambeau: PyTorch's interface, written and compiled in Python.

``import flambeau as torch``. Everything that makes tensors and computes with them is here; libraries such as
``flambeau.nn`` are imported when they are first named.
"""

from __future__ import annotations

import math as _math
from importlib import import_module as _import_module
from typing import Any as _Any

from . import autograd, ops
from .autograd import (
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .autograd.anomaly import is_anomaly_check_nan_enabled, set_anomaly_enabled
from .dtypes import NAMES_ONLY as _NAMES_ONLY
from .dtypes import (
    bfloat16,
    complex32,
    complex64,
    complex128,
    dtype,
    finfo,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float8_e8m0fnu,
    float16,
    float32,
    float64,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .lazy import run as _run
from .lazy.spec import Size
from .modes import (
    are_deterministic_algorithms_enabled,
    compile,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    use_deterministic_algorithms,
)
from .ops.overrides import DisableTorchFunctionSubclass
from .printing import set_printoptions
from .runtime.devices import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    device,
    jagged,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from .runtime.memory import OutOfMemoryError
from .runtime.threads import get_num_threads, set_num_threads
from .runtime.warning import is_warn_always_enabled, set_warn_always
from .tensor import Tensor
from .version import __version__

# Classes are known, and pickled, by the names that programs use.
for _public in (Tensor, Size, dtype, finfo, iinfo, device, layout, memory_format, ops.random.Generator):
    _public.__module__ = __name__

# Every function and class that the operators registered for this namespace.
globals().update(ops.NAMESPACES["torch"])

half, double, short, long = float16, float64, int16, int64
globals().update({d.name: d for d in _NAMES_ONLY})
chalf, cfloat, cdouble = complex32, complex64, complex128
legacy_contiguous_format = contiguous_format
inf, nan, pi, e, newaxis = _math.inf, _math.nan, _math.pi, _math.e, None

_SUBMODULES = frozenset({
    "_C", "_VF", "__config__", "_ops", "_subclasses", "_tensor", "_tensor_str", "_utils", "accelerator", "alias", "amp", "backends",
    "compiler", "cpu",
    "cuda", "data", "distributed", "distributions", "fft", "func", "functional", "futures", "hub", "jit", "library", "linalg", "masked",
    "mps", "mtia", "multiprocessing", "nested", "nn", "onnx", "optim", "overrides", "profiler", "quasirandom", "random",
    "return_types", "serialization", "signal", "sparse", "special", "storage", "testing", "types", "utils", "version", "vision",
    "xpu",
})  # fmt: skip
_LAZY = {
    "load": "serialization",
    "save": "serialization",
    "vmap": "func",
    "autocast": "amp",
    "GradScaler": "amp",
    **dict.fromkeys(("_assert", "_assert_async", "_assert_scalar", "_assert_tensor_metadata", "_check", "_check_index", "_check_is_size",
                     "_check_not_implemented", "_check_tensor_all", "_check_tensor_all_with", "_check_type", "_check_value", "_check_with"),
                    "assertions"),
    **dict.fromkeys(("DispatchKey", "DispatchKeySet", "_VariableFunctions", "_VariableFunctionsClass"), "_C"),
    **dict.fromkeys(("Event", "Stream"), "accelerator"),
    "Future": "futures",
    **dict.fromkeys(("SymBool", "SymFloat", "SymInt", "sym_float", "sym_fresh_size", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not",
                     "sym_sqrt", "sym_sum"), "symbolic"),
}


def __getattr__(name: str) -> _Any:
    if name in _LAZY or name in _SUBMODULES:
        module = f"{__name__}.{_LAZY.get(name, name)}"
        try:
            found = _import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
        else:
            return globals().setdefault(name, getattr(found, name)) if name in _LAZY else found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_SUBMODULES})


# These names of dtypes shadow Python's own: nothing below may use them as types.
float, int, bool = float32, int32, ops.creation.dtypes.bool_  # noqa: A001
