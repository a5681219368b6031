"""``flambeau doctor``: what flambeau found on this machine, and whether it works, a verdict a line."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from flambeau.version import __version__

# A finding: a verdict and what it rests on. "note" means slower or unusual, "broken" that programs will fail.
Finding = tuple[str, str]

SIX_TIMES = """
define i64 @six_times(i64 %x) {
  %y = mul i64 %x, 6
  ret i64 %y
}
"""


def main(arguments: Sequence[str] = ()) -> int:
    """Print a line for each check. Returns 1 if something essential is broken, else 0."""
    if arguments:
        print(f"flambeau doctor: takes no arguments, got {' '.join(arguments)}", file=sys.stderr)
        return 2
    verdicts = []
    for name, check in CHECKS.items():
        verdict, text = examine(check)
        verdicts.append(verdict)
        print(f"{verdict:<7} {name:<10} {text}")
    broken = verdicts.count("broken")
    print(f"\n{broken} of {len(verdicts)} checks broken" if broken else "\nflambeau works on this machine")
    return 1 if broken else 0


def examine(check: Callable[[], Finding]) -> Finding:
    """The check's finding; one that raises has found something broken."""
    try:
        return check()
    except Exception as error:
        return "broken", f"{type(error).__name__}: {error}"


def versions() -> Finding:
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "llvmlite")]
    python = f"Python {platform.python_version()}"
    return "ok", ", ".join([f"flambeau {__version__}", python, *packages, platform.platform()])


def settings() -> Finding:
    names = sorted(name for name in os.environ if name.startswith("FLAMBEAU_"))
    if not names:
        return "ok", "no FLAMBEAU_ variable is set"
    return "note", ", ".join(f"{name}={os.environ[name]}" for name in names)


def processor() -> Finding:
    from flambeau.runtime import jit

    target = jit.target()
    text = f"{target.cpu} ({target.triple}), vectors of {target.vector_bytes} bytes"
    if target.vector_bytes < 32:
        return "note", text + ": kernels will be slow"
    return "ok", text


def compiler() -> Finding:
    from flambeau.runtime import jit

    # The assembly is never cached: asking for it shows that LLVM itself works.
    jit.assembly(SIX_TIMES)
    start = time.perf_counter()
    jit.assembly(SIX_TIMES)
    milliseconds = 1e3 * (time.perf_counter() - start)
    address = jit.compile_ir(SIX_TIMES, ["six_times"])["six_times"]
    answer = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(7)
    if answer != 42:
        return "broken", f"a compiled function returned {answer} instead of 42"
    return "ok", f"LLVM compiles a function of one line in {milliseconds:.1f} ms, and it runs"


def cache() -> Finding:
    from flambeau.runtime import object_cache

    found = object_cache.from_environment()
    if found is None:
        return "note", "no disk cache: every process compiles its kernels again"
    folder, limit = found.folder, f"limit {found.limit / 2**20:.0f} MiB"
    if not os.path.isdir(folder):
        return "ok", f"{folder} is not there yet, {limit}"
    sizes = [entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()]
    text = f"{folder}: {len(sizes)} objects, {sum(sizes) / 2**20:.1f} MiB, {limit}"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "note", text + "; not writable, so new kernels are not kept"
    return "ok", text


def threads() -> Finding:
    from flambeau.runtime.threads import get_num_threads

    count, available = get_num_threads(), available_cores()
    text = f"{count} threads on {available} available cores"
    return ("note" if count > available else "ok"), text


def available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def blas() -> Finding:
    from flambeau.runtime import jit
    from flambeau.runtime.blas import describe

    found = describe()
    text = f"OpenBLAS {found['version']}, kernels for {found['core']}"
    if jit.target().vector_bytes == 64 and found["core"] in ("Haswell", "Zen"):
        return "note", text + ": they leave half of this processor's vectors unused"
    return "ok", text


def arithmetic() -> Finding:
    import flambeau as torch

    values = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    x = torch.from_numpy(values).requires_grad_()
    (x @ x.t()).exp().sum().backward()
    products = np.exp(values @ values.T)
    expected = (products + products.T) @ values
    if not np.allclose(x.grad.numpy(), expected, rtol=1e-4):
        return "broken", "the gradient of exp(x @ x.T) is wrong"
    return "ok", "a product, a fused kernel and their gradient agree with NumPy"


CHECKS: dict[str, Callable[[], Finding]] = {
    "versions": versions,
    "settings": settings,
    "processor": processor,
    "compiler": compiler,
    "cache": cache,
    "threads": threads,
    "BLAS": blas,
    "arithmetic": arithmetic,
}
