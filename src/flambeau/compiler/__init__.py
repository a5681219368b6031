"""The compiler: graphs of primitives, fusion, loop nests, programs; and its report on itself.

Everything is compiled behind the scenes; what PyTorch's ``torch.compiler`` offers to steer it does nothing here.
"""

from __future__ import annotations

from .report import assert_max_compiles, explain


def is_compiling() -> bool:
    """False: user code is never executed symbolically."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn=None, recursive: bool = True, *, reason: str | None = None):
    """``fn`` as it is: there is no graph capture to keep it out of. Also a decorator."""
    return fn if fn is not None else lambda function: function


def allow_in_graph(fn):
    """``fn`` as it is."""
    return fn


def assume_constant_result(fn):
    """``fn`` as it is."""
    return fn


nested_compile_region = allow_in_graph


def reset() -> None:
    """Nothing: what was compiled stays valid."""


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no recorded steps."""


def list_backends(exclude_tags=("debug", "experimental")) -> list[str]:
    """The compilers by name: flambeau's own."""
    return ["flambeau"]


def set_default_backend(backend) -> None:
    """Raises NotImplementedError for a compiler but flambeau's own."""
    if backend not in (None, "flambeau"):
        raise NotImplementedError(f"flambeau: compiler.set_default_backend: {backend!r} is not supported: flambeau compiles by itself")


def get_default_backend() -> str:
    """"flambeau"."""
    return "flambeau"


class set_stance:
    """How eagerly PyTorch's compiler works: nothing here depends on it. A function, a block and a decorator."""

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend=None):
        self.stance = stance

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return None

    def __call__(self, fn):
        return fn


def substitute_in_graph(original_fn, *, can_constant_fold_through: bool = False, skip_signature_check: bool = False):
    """Decorator of a function that would stand for ``original_fn`` in a graph: the function as it is."""
    return lambda function: function


def save_cache_artifacts() -> None:
    """None: there is nothing to carry over; machine code is kept on disk by itself."""


def load_cache_artifacts(serialized_artifacts) -> None:
    """None, as where there is nothing to load."""


def wrap_numpy(fn):
    """A function of NumPy arrays as one of tensors: not supported yet."""
    raise NotImplementedError("flambeau: compiler.wrap_numpy is not supported yet: call tensor.numpy() and torch.from_numpy")


__all__ = ["explain", "assert_max_compiles", "is_compiling", "is_dynamo_compiling", "is_exporting", "disable", "allow_in_graph",
           "assume_constant_result", "cudagraph_mark_step_begin", "get_default_backend", "list_backends", "load_cache_artifacts",
           "nested_compile_region", "reset", "save_cache_artifacts", "set_default_backend", "set_stance", "substitute_in_graph",
           "wrap_numpy"]
