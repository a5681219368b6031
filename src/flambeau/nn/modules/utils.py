"""Small helpers shared by the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from ...dtypes import dtype as DType
from ...dtypes import of_python_type
from ...runtime import devices
from ...tensor import Tensor

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple]:
    """Return a function that makes a tuple: of an iterable's items, or of ``n`` times one value."""

    def parse(x: Any) -> tuple:
        if isinstance(x, Iterable):
            return tuple(x)
        return tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple, n: int) -> tuple:
    """Repeat each item ``n`` times, last item first: the order in which ``F.pad`` takes paddings."""
    return tuple(item for item in reversed(t) for _ in range(n))


def _list_with_default(out_size: list[int | None], defaults: list[int]) -> list[int]:
    """Fill each None of an output size with the input's size of that dimension."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    trailing = defaults[-len(out_size) :]
    return [default if size is None else size for size, default in zip(out_size, trailing)]


def _typename(value: object) -> str:
    """Name a value's type for an error message: ``torch.FloatTensor``, ``str``, ``package.Class``."""
    if isinstance(value, Tensor):
        return value.type()
    cls = type(value)
    if cls.__module__ in ("builtins", "__builtin__"):
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, DType | None, bool, Any]:
    """Read the arguments of ``to``: return device, dtype, non_blocking and memory format."""
    if args and isinstance(of_python_type(args[0]), DType):
        names = ["dtype", "non_blocking"]
    elif args and isinstance(args[0], Tensor):
        names = ["tensor", "non_blocking"]
    else:
        names = ["device", "dtype", "non_blocking"]
    if len(args) > len(names):
        raise TypeError(
            f"to() takes at most {len(names)} positional arguments here but {len(args)} were given"
        )
    options = dict(zip(names, args))
    for name, value in kwargs.items():
        if name in options or name not in ("device", "dtype", "tensor", "non_blocking", "memory_format"):
            raise TypeError(f"to() got an unexpected or repeated argument '{name}'")
        options[name] = value
    tensor = options.get("tensor")
    if tensor is not None:
        options.update(device=tensor.device, dtype=tensor.dtype)
    dtype = of_python_type(options.get("dtype"))
    if dtype is not None and not isinstance(dtype, DType):
        raise TypeError(f"to(): argument 'dtype' must be a dtype, not {_typename(dtype)}")
    memory_format = options.get("memory_format")
    if memory_format is not None and not isinstance(memory_format, devices.memory_format):
        raise TypeError(f"to(): argument 'memory_format' must be torch.memory_format, not {type(memory_format).__name__}")
    return options.get("device"), dtype, bool(options.get("non_blocking")), memory_format


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Strip ``prefix`` from the keys of ``state_dict``, in place, with its metadata.

    Meant for the state of a wrapped model (``"module."``) that a bare model shall load.
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)

    metadata = getattr(state_dict, "_metadata", None)
    if metadata is None:
        return
    # Metadata is keyed by module: "" is the wrapper itself, "module" the model, "module.x" its parts.
    for key in list(metadata):
        if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)
