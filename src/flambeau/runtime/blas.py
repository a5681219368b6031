"""OpenBLAS, by function address.

The library comes in a wheel of its own (``scipy-openblas32``: 32-bit integers, every symbol prefixed with
``scipy_``). It is loaded at the first call here, not at import, and always runs single-threaded: products are
split into items of flambeau's own thread pool.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DISTRIBUTION = "scipy-openblas32"
_MODULE = "scipy_openblas32"
_PREFIX = "scipy_"


class BlasUnavailableError(ImportError):
    """Raised when the OpenBLAS wheel is missing, or lacks a function."""


@functools.cache
def address(name: str) -> int:
    """Return the address of a C function such as ``cblas_sgemm`` or ``dgetrf_``.

    LAPACK's names keep the underscore that Fortran appends. Integers are 32 bits wide.
    Raises BlasUnavailableError where the library or the function is missing.
    """
    try:
        function = getattr(library(), _PREFIX + name)
    except AttributeError:
        raise BlasUnavailableError(f"{DISTRIBUTION} has no function {name!r}") from None
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@functools.cache
def library() -> ctypes.CDLL:
    """Load OpenBLAS, set to one thread. Raises BlasUnavailableError where the wheel is missing."""
    path = _library_path()
    with _environment(_settings()):
        loaded = ctypes.CDLL(str(path))
    loaded[_PREFIX + "openblas_set_num_threads"](1)
    return loaded


def describe() -> dict[str, str]:
    """Return what was found, for reports: ``version``, ``path``, ``config``, ``core`` (the kernels chosen)."""
    loaded = library()
    return {
        "version": importlib.metadata.version(DISTRIBUTION),
        "path": str(_library_path()),
        "config": _text(loaded, "openblas_get_config"),
        "core": _text(loaded, "openblas_get_corename"),
    }


def _settings() -> dict[str, str]:
    """The environment variables that OpenBLAS reads while it loads."""
    # Otherwise it would start a pool of its own, which nothing would ever use.
    settings = {"OPENBLAS_NUM_THREADS": "1"}
    # On processors it does not know yet it falls back to AVX2 kernels, at half the speed.
    if _has_avx512() and not os.environ.get("OPENBLAS_CORETYPE"):
        settings["OPENBLAS_CORETYPE"] = "SkylakeX"
    return settings


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    previous = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _has_avx512() -> bool:
    """Whether AVX-512 F, CD, BW, DQ and VL are there, as NumPy found out for its own kernels."""
    for module in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        if importlib.util.find_spec(module.rpartition(".")[0]) is not None:
            features = getattr(importlib.import_module(module), "__cpu_features__", {})
            return bool(features.get("AVX512_SKX", False))
    return False


def _text(loaded: ctypes.CDLL, name: str) -> str:
    function = loaded[_PREFIX + name]
    function.restype = ctypes.c_char_p
    return function().decode()


def _library_path() -> Path:
    # The module itself is not imported: it loads the library with a pool of threads.
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise BlasUnavailableError(f"flambeau needs OpenBLAS: pip install {DISTRIBUTION}")
    candidates = sorted((Path(spec.origin).parent / "lib").glob("*scipy_openblas.*"))
    libraries = [path for path in candidates if path.suffix in (".so", ".dylib", ".dll")]
    if not libraries:
        raise BlasUnavailableError(f"{DISTRIBUTION} is installed in {spec.origin} but holds no library")
    return libraries[0]
