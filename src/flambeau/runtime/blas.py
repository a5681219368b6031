"""OpenBLAS, by function address.

The library comes in a wheel of its own (``scipy-openblas32``: 32-bit integers, every symbol prefixed with
``scipy_``). It is loaded at the first call here, not at import, and always runs single-threaded: products are
split into items of flambeau's own thread pool.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
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
    # Read while the library loads: it would start a pool of its own, which nothing would ever use.
    previous = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        loaded = ctypes.CDLL(str(path))
    finally:
        if previous is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = previous
    loaded[_PREFIX + "openblas_set_num_threads"](1)
    return loaded


def describe() -> dict[str, str]:
    """Return what was found, for reports: ``version``, ``path``, ``config`` and ``core``.

    ``core`` names the kernels in use: the processor's, unless ``OPENBLAS_CORETYPE`` is set.
    """
    from importlib.metadata import version  # slow to import

    loaded = library()
    return {
        "version": version(DISTRIBUTION),
        "path": str(_library_path()),
        "config": _text(loaded, "openblas_get_config"),
        "core": _text(loaded, "openblas_get_corename"),
    }


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
