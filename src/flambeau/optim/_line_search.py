"""A line search for the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..tensor import Tensor

Number = Any  # a Python number or a 0-dim tensor
Evaluate = Callable[[Number], tuple[float, Tensor]]

_SUFFICIENT_DECREASE = 1e-4
_CURVATURE = 0.9
_LEAST_BRACKET = 1e-9


@dataclass
class _Point:
    """A place on the line: how far, the loss there, its gradient, and the slope along the line."""

    length: Number
    loss: float
    grad: Tensor
    slope: Number


def strong_wolfe(
    evaluate: Evaluate,
    length: Number,
    direction: Tensor,
    loss: float,
    grad: Tensor,
    slope: Number,
    max_ls: int = 25,
) -> tuple[float, Tensor, Number, int]:
    """Find how far to go along ``direction``.

    Args:
        evaluate: gives loss and gradient at a length.
        length: where to look first.
        direction: vector of a descent direction.
        loss, grad, slope: loss, gradient and ``grad @ direction`` at length 0.
        max_ls: how often to look at most.

    Returns:
        Loss, gradient and length that were found, and how often ``evaluate`` was called.
    """
    search = _Search(evaluate, direction, _Point(0, loss, grad, slope))
    bracket = search.find_bracket(length, max_ls)
    best = search.zoom(bracket, max_ls) if len(bracket) == 2 else bracket[0]
    return best.loss, best.grad, best.length, search.calls


class _Search:
    def __init__(self, evaluate: Evaluate, direction: Tensor, start: _Point) -> None:
        self.evaluate = evaluate
        self.direction = direction
        self.start = start
        self.calls = 0
        self.iterations = 0

    def look(self, length: Number) -> _Point:
        loss, grad = self.evaluate(length)
        self.calls += 1
        return _Point(length, loss, grad, grad.dot(self.direction))

    def too_high(self, point: _Point) -> bool:
        allowed = self.start.loss + _SUFFICIENT_DECREASE * point.length * self.start.slope
        return bool(point.loss > allowed)

    def flat_enough(self, point: _Point) -> bool:
        return bool(abs(point.slope) <= -_CURVATURE * self.start.slope)

    def find_bracket(self, length: Number, max_ls: int) -> list[_Point]:
        """Go on until a point satisfies the conditions (one entry) or two lie around one that does."""
        previous, point = self.start, self.look(length)
        while self.iterations < max_ls:
            if self.too_high(point) or (self.iterations > 1 and point.loss >= previous.loss):
                return [previous, point]
            if self.flat_enough(point):
                return [point]
            if point.slope >= 0:
                return [previous, point]

            nearest = point.length + 0.01 * (point.length - previous.length)
            farthest = point.length * 10
            length = _interpolate(previous, point, (nearest, farthest))
            previous, point = point, self.look(length)
            self.iterations += 1
        return [self.start, point]

    def zoom(self, bracket: list[_Point], max_ls: int) -> _Point:
        """Shrink the bracket around a point that satisfies the conditions; return the lowest point."""
        norm = self.direction.abs().max()
        low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
        stalled = False
        while self.iterations < max_ls:
            if abs(bracket[1].length - bracket[0].length) * norm < _LEAST_BRACKET:
                break
            length = _interpolate(bracket[0], bracket[1])
            length, stalled = _away_from_ends(length, bracket, stalled)
            point = self.look(length)
            self.iterations += 1

            if self.too_high(point) or point.loss >= bracket[low].loss:
                bracket[high] = point
                low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
                continue
            done = self.flat_enough(point)
            if not done and point.slope * (bracket[high].length - bracket[low].length) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
            if done:
                break
        return bracket[low]


def _interpolate(first: _Point, second: _Point, bounds: tuple[Number, Number] | None = None) -> Number:
    """Where the cubic through two points, with their slopes, is lowest, kept within ``bounds``."""
    left, right = (first, second) if first.length <= second.length else (second, first)
    lowest, highest = (left.length, right.length) if bounds is None else bounds
    d1 = first.slope + second.slope - 3 * (first.loss - second.loss) / (first.length - second.length)
    discriminant = d1**2 - first.slope * second.slope
    if not discriminant >= 0:
        return (lowest + highest) / 2.0
    d2 = discriminant.sqrt()
    share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
    return min(max(right.length - (right.length - left.length) * share, lowest), highest)


def _away_from_ends(length: Number, bracket: list[_Point], stalled: bool) -> tuple[Number, bool]:
    """Keep a tenth of the bracket between ``length`` and its ends when progress is too small.

    The first time that the point lies near an end is let pass, and reported by ``True``.
    """
    low, high = sorted(point.length for point in bracket)
    margin = 0.1 * (high - low)
    if not min(high - length, length - low) < margin:
        return length, False
    if not (stalled or length >= high or length <= low):
        return length, True
    if abs(length - high) < abs(length - low):
        return high - margin, False
    return low + margin, False
