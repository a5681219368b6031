"""Padding: ``nn.functional.pad`` with a constant, by reflection, by repeating the edge, and around."""

from __future__ import annotations

from ..lazy.spec import dense
from ..tensor import Tensor
from .copying import _contiguous, raw_copy
from .creation import filled, numbers_fit, uninitialized
from .memory_order import in_order_of
from .operator import operator
from .rearranging import flipped
from .registry import function
from .slicing import slice_, view_at
from .views import _expand


def _pairs(pad, ndim: int) -> list[tuple[int, int]]:
    """``(before, after)`` for every dimension, of amounts listed from the last dimension on."""
    pairs = [(0, 0)] * ndim
    for k in range(len(pad) // 2):
        pairs[ndim - 1 - k] = (pad[2 * k], pad[2 * k + 1])
    return pairs


def _overlap(shape, pairs) -> tuple[tuple, tuple]:
    """Keys of what stays of the input, and of where it lies in the result; negative amounts cut."""
    source, place = [], []
    for size, (before, after) in zip(shape, pairs):
        length = size + min(before, 0) + min(after, 0)
        source.append((max(-before, 0), length, 1))
        place.append((max(before, 0), length, 1))
    return tuple(source), tuple(place)


@operator("constant_pad_nd(Tensor input, int[] pad, Scalar value=0)")
def constant_pad_nd(input, pad, value=0):
    """``input`` with ``pad[0]`` elements of ``value`` before and ``pad[1]`` after the last dimension, and so on; negative amounts cut."""
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * input.ndim:
        raise RuntimeError(
            f"Length of pad should be no more than twice the number of dimensions of the input. Pad length is {len(pad)} while "
            f"the input has {input.ndim} dimensions."
        )
    pairs = _pairs(pad, input.ndim)
    shape = []
    for d, (size, (before, after)) in enumerate(zip(input.shape, pairs)):
        if size + before + after < 0:
            raise RuntimeError(
                f"The input size {size}, plus negative padding {before} and {after} resulted in a negative output size, which "
                f"is invalid. Check dimension {d} of your input."
            )
        shape.append(size + before + after)
    result = filled(tuple(shape), value, input.dtype, input.device)
    source, place = _overlap(input.shape, pairs)
    if all(length > 0 for _, length, _ in source):
        raw_copy(view_at(result, place), view_at(input, source))
    return in_order_of(result, input)


numbers_fit(constant_pad_nd)


@constant_pad_nd.gradient
def _(grad, saved):
    return constant_pad_nd(grad, tuple([-p for p in saved.pad]), 0)


# -- padding with the input's own elements --------------------------------------------------------------------------------------


def _edges(x: Tensor, d: int, before: int, after: int, mode: str):
    """Pieces of ``x`` that come before and after it along ``d`` (None where there is none)."""
    n = x.shape[d]
    if mode == "reflect":
        first = slice_(x, d, 1, 1 + before), slice_(x, d, n - 1 - after, n - 1)
        return [flipped(piece, (d,)) if amount else None for piece, amount in zip(first, (before, after))]
    if mode == "replicate":
        ends = slice_(x, d, 0, 1), slice_(x, d, n - 1, n)
        return [_widened(piece, d, amount) if amount else None for piece, amount in zip(ends, (before, after))]
    return [slice_(x, d, n - before, n) if before else None, slice_(x, d, 0, after) if after else None]


def _widened(piece: Tensor, d: int, amount: int) -> Tensor:
    return _expand(piece, (*piece.shape[:d], amount, *piece.shape[d + 1 :]))


def _padded_along(x: Tensor, d: int, before: int, after: int, mode: str) -> Tensor:
    """``x`` padded along one dimension."""
    n = x.shape[d]
    result = uninitialized(dense((*x.shape[:d], before + n + after, *x.shape[d + 1 :]), x.dtype, x.device))
    left, right = _edges(x, d, before, after, mode)
    raw_copy(slice_(result, d, before, before + n), x)
    if left is not None:
        raw_copy(slice_(result, d, 0, before), left)
    if right is not None:
        raw_copy(slice_(result, d, before + n, before + n + after), right)
    return result


def _folded_along(grad: Tensor, d: int, n: int, before: int, after: int, mode: str) -> Tensor:
    """The gradient of ``_padded_along``: what lies in the padding is added where it was taken."""
    kept = _contiguous(slice_(grad, d, before, before + n))
    left, right = slice_(grad, d, 0, before), slice_(grad, d, before + n, before + n + after)
    for piece, amount, first in ((left, before, True), (right, after, False)):
        if amount:
            place = _taken(kept, d, amount, mode, first)
            place.copy_(place + _as_taken(piece, d, mode))
    return kept


def _taken(x: Tensor, d: int, amount: int, mode: str, first: bool) -> Tensor:
    """The part of ``x`` that padding of ``amount`` was taken from."""
    n = x.shape[d]
    if mode == "reflect":
        return slice_(x, d, 1, 1 + amount) if first else slice_(x, d, n - 1 - amount, n - 1)
    if mode == "replicate":
        return slice_(x, d, 0, 1) if first else slice_(x, d, n - 1, n)
    return slice_(x, d, n - amount, n) if first else slice_(x, d, 0, amount)


def _as_taken(piece: Tensor, d: int, mode: str) -> Tensor:
    """A padding's gradient in the order of the part it was taken from."""
    if mode == "reflect":
        return flipped(piece, (d,))
    return piece.sum(d, keepdim=True) if mode == "replicate" else piece


def _cut(x: Tensor, cuts) -> Tensor:
    """View without ``(before, after)`` positions at the ends of each dimension."""
    return view_at(x, tuple([(before, n - before - after, 1) for n, (before, after) in zip(x.shape, cuts)]))


def _uncut(grad: Tensor, cuts) -> Tensor:
    """The gradient of ``_cut``."""
    if not any(map(any, cuts)):
        return grad
    return constant_pad_nd(grad, tuple([amount for pair in reversed(cuts) for amount in pair]), 0)


@operator("pad(Tensor input, int[] pad, str mode)", namespace=None)
def _pad_with_own(input, pad, mode):
    _check_own(input, pad, mode)
    grown, cuts = _grown_and_cut(pad, input.ndim)
    # What goes around is what is left after cutting; edges and reflections are the input's own.
    x = _cut(input, cuts) if mode == "circular" else input
    for d, (before, after) in enumerate(grown):
        if before or after:
            x = _padded_along(x, d, before, after, mode)
    x = x if mode == "circular" else _cut(x, cuts)
    return _contiguous(x) if mode == "circular" else in_order_of(_contiguous(x), input)


def _grown_and_cut(pad, ndim: int) -> tuple[list, list]:
    """The positive and the negative amounts of ``pad`` for each dimension."""
    pairs = _pairs(pad, ndim)
    return [(max(b, 0), max(a, 0)) for b, a in pairs], [(max(-b, 0), max(-a, 0)) for b, a in pairs]


@_pad_with_own.gradient
def _(grad, saved):
    mode, shape = saved.mode, saved.input.shape
    grown, cuts = _grown_and_cut(saved.pad, grad.ndim)
    if mode == "circular":
        shape = [n - before - after for n, (before, after) in zip(shape, cuts)]
    else:
        grad = _uncut(grad, cuts)
    for d, (before, after) in reversed(list(enumerate(grown))):
        if before or after:
            grad = _folded_along(grad, d, shape[d], before, after, mode)
    return _uncut(grad, cuts) if mode == "circular" else in_order_of(grad, saved.input)


def _check_own(x: Tensor, pad, mode: str) -> None:
    spatial = len(pad) // 2
    if len(pad) % 2 or spatial not in (1, 2, 3) or x.ndim not in (spatial + 1, spatial + 2):
        raise NotImplementedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now")
    for k, (before, after) in enumerate(_pairs(pad, x.ndim)):
        size = x.shape[k]
        if mode != "circular" and size == 0 and (k > 0 or x.ndim == spatial + 1):
            raise RuntimeError(
                f"Expected {x.ndim}D tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
                f"{list(x.shape)}"
            )
        if not (before or after):
            continue
        if mode == "reflect" and (before >= size or after >= size):
            raise RuntimeError(
                f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({before}, "
                f"{after}) at dimension {k} of input {list(x.shape)}"
            )
        left = size + min(before, 0) + min(after, 0)
        if mode == "circular" and (before > left or after > left):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if size + before + after < (0 if mode == "circular" else 1):
            raise RuntimeError(f"input (size {size}) is too small. Calculated output size: {size + before + after}")


@function("nn.functional")
def pad(input, pad, mode: str = "constant", value=None):
    """``input`` padded: ``pad`` lists the amounts before and after the last dimension, then of the one before it, and so on.

    ``mode`` is "constant" (with ``value``, default 0), "reflect", "replicate" or "circular"; negative amounts cut.
    """
    amounts = tuple([int(p) for p in pad])
    if mode == "constant":
        return constant_pad_nd(input, amounts, 0 if value is None else value)
    if value not in (None, 0):
        raise RuntimeError(f"Padding mode {mode} doesn't take in value argument")
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return _pad_with_own(input, amounts, mode)
