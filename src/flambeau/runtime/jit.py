"""LLVM IR to machine code in this process, with a disk cache of the objects.

LLVM is loaded at the first call that needs it, so that importing flambeau stays fast. An object found on disk
is only linked (about 0.3 ms); IR that is new is parsed, simplified, compiled and stored.

Linked code stays for the life of the process: its addresses are valid for ever.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flambeau.runtime import object_cache
from flambeau.runtime.forking import COMPILER, around_fork

if TYPE_CHECKING:
    import llvmlite.binding as llvm

# Part of every cache key: raise it when the way of compiling (passes, code model) changes.
_FORMAT = 1
_CODEGEN_LEVEL = 2
_DECLARATION = re.compile(r'^\s*declare\b[^@\n]*@"?([^"(\s]+)"?\s*\(', re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """The processor that code is generated for.

    ``vector_bytes`` is the width of the vectors kernels are written with: 64 with AVX-512F, 32 with AVX2,
    else 16; the environment variable ``FLAMBEAU_CPU_VECTOR`` may lower it.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int

    @property
    def architecture(self) -> str:
        """First part of the triple, such as ``x86_64`` or ``aarch64``."""
        return self.triple.partition("-")[0]


@dataclass
class Stats:
    """What ``compile_ir`` did so far: modules compiled, modules loaded from disk, seconds spent on both."""

    compiled: int = 0
    loaded: int = 0
    seconds: float = 0.0


stats = Stats()


@functools.cache
def target() -> Target:
    """Describe the host processor."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    return Target(
        triple=llvm.get_process_triple(),
        cpu=llvm.get_host_cpu_name(),
        features=features.flatten(),
        vector_bytes=_vector_bytes(features),
    )


def define_symbol(name: str, address: int) -> None:
    """Let IR that is compiled from now on ``declare`` and call the function at ``address`` as ``name``."""
    with _lock:
        _symbols[name] = address


def compile_ir(ir_text: str, functions: Sequence[str]) -> dict[str, int]:
    """Turn a module of LLVM IR into machine code and return the address of each of ``functions``.

    The passes are few: functions marked ``alwaysinline`` are inlined, allocas become registers (``sroa``),
    instructions and branches are simplified. Loops stay as they are written.
    A function the module declares is the one given to ``define_symbol``, else the one of that name in the
    process (libc, libm). Raises RuntimeError if the IR is wrong or a symbol is missing. Safe to call from
    several threads.
    """
    start = time.perf_counter()
    with _lock:
        key = _key(ir_text)
        cache = _cache()
        code = cache.load(key) if cache else None
        if code is not None:
            stats.loaded += 1
        else:
            code = _emit(ir_text)
            stats.compiled += 1
            if cache:
                cache.store(key, code)
        addresses = _link(code, ir_text, functions)
        stats.seconds += time.perf_counter() - start
    return addresses


def assembly(ir_text: str) -> str:
    """The assembly text that ``compile_ir`` would produce: for reading, nothing is run or stored."""
    with _lock:
        text: str = _machine().emit_assembly(_optimise(ir_text))
    return text


_lock = threading.Lock()
_symbols: dict[str, int] = {}
_library_numbers = itertools.count()
# LLVM unloads code whose tracker is collected.
_trackers: list[llvm.ResourceTracker] = []

# A fork while another thread compiles must not leave the child with a lock nobody will release.
around_fork(COMPILER, _lock.acquire, _lock.release, _lock.release)


def _vector_bytes(features: dict[str, bool]) -> int:
    width = 16
    if features.get("avx512f"):
        width = 64
    elif features.get("avx2"):
        width = 32
    wanted = os.environ.get("FLAMBEAU_CPU_VECTOR")
    if not wanted:
        return width
    if wanted not in ("16", "32", "64"):
        raise ValueError(f"flambeau: FLAMBEAU_CPU_VECTOR must be 16, 32 or 64 (bytes), got {wanted!r}")
    return min(width, int(wanted))


@functools.cache
def _cache() -> object_cache.ObjectCache | None:
    return object_cache.from_environment()


@functools.cache
def _key_prefix() -> bytes:
    import llvmlite

    host = target()
    return "\0".join([str(_FORMAT), llvmlite.__version__, host.triple, host.cpu, host.features, ""]).encode()


def _key(ir_text: str) -> str:
    return hashlib.sha256(_key_prefix() + ir_text.encode()).hexdigest()


@functools.cache
def _machine() -> llvm.TargetMachine:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    host = target()
    # Position-independent code in the small model addresses its constants relative to the instruction; calls
    # out of the object go through stubs that the linker makes.
    return llvm.Target.from_triple(host.triple).create_target_machine(
        cpu=host.cpu, features=host.features, opt=_CODEGEN_LEVEL, reloc="pic", codemodel="small", jit=True
    )


@functools.cache
def _linker() -> llvm.LLJIT:
    import llvmlite.binding as llvm

    return llvm.create_lljit_compiler(_machine(), use_jit_link=sys.platform != "win32")


def _optimise(ir_text: str) -> llvm.ModuleRef:
    import llvmlite.binding as llvm

    # A context of its own lets the module's types and constants be freed with it.
    module = llvm.parse_assembly(ir_text, llvm.create_context())
    module.triple = target().triple
    builder = llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(speed_level=2))
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return module


def _emit(ir_text: str) -> bytes:
    code: bytes = _machine().emit_object(_optimise(ir_text))
    return code


def _link(code: bytes, ir_text: str, functions: Sequence[str]) -> dict[str, int]:
    import llvmlite.binding as llvm

    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in functions:
        library.export_symbol(name)
    for name in _DECLARATION.findall(ir_text):
        if name in _symbols:
            library.import_symbol(name, _symbols[name])
    tracker = library.link(_linker(), f"flambeau{next(_library_numbers)}")
    _trackers.append(tracker)
    return {name: tracker[name] for name in functions}
