"""Forward-mode differentiation: dual tensors carry a derivative through whatever is computed with them."""

from __future__ import annotations

from typing import NamedTuple

from ..func.levels import Level
from ..ops.forward_mode import dual, ended, parts
from ..ops.transformed import active
from ..tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

_current: list[tuple[Level, tuple]] = []  # the level that is on, and the transformations that ran before


class UnpackedDualTensor(NamedTuple):
    """What :func:`unpack_dual` gives; ``tangent`` is None for a tensor without a derivative."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Start a forward pass; gives its number, 0. Raises RuntimeError within another: only ``func.jvp`` nests."""
    if _current:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    level = Level("jvp")
    _current.append((level, active.levels))
    active.levels = (*active.levels, level)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the forward pass: its dual tensors lose their tangents."""
    if not _current or level not in (None, 0):
        raise RuntimeError(f"Trying to exit a forward AD level that was not the last one that was created: {level}")
    finished, previous = _current.pop()
    active.levels = previous
    ended.add(finished.number)


class dual_level:
    """Within the block, :func:`make_dual` and :func:`unpack_dual` can be used."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A dual tensor over the memory of ``tensor``, with the derivative ``tangent`` of the same shape and dtype."""
    if not _current:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, value in (("primal", tensor), ("tangent", tangent)):
        if not (value.is_floating_point() or value.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {value.dtype}")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            f"make_dual: Expected the tangent to have the primal's shape {list(tensor.shape)}, got {list(tangent.shape)}"
        )
    if tensor.dtype is not tangent.dtype:
        raise RuntimeError(
            f"make_dual: Expected the tangent to have the primal's dtype {tensor.dtype}, got {tangent.dtype}"
        )
    number = _current[-1][0].number
    if parts(tensor, number)[1] is not None:
        raise RuntimeError("make_dual: the tensor already has a forward gradient at this level")
    return dual(tensor.view_as(tensor), tangent, number)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The primal and the tangent of ``tensor``; the tangent is None outside of a dual level and for tensors without one."""
    if not _current:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(*parts(tensor, _current[-1][0].number))
