"""Connectionist temporal classification: ``ctc_loss``.

The forward and backward variables of A. Graves et al., "Connectionist Temporal Classification" (ICML 2006),
in logarithms.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..lazy.spec import dense
from ..tensor import Tensor
from .losses import reduction_name
from .operator import Operator, publish
from .reductions import sum
from .registry import function
from .selection import where
from .statistics import mean

_NEVER = -np.inf
_LEAST = -np.finfo(np.float64).max  # what is subtracted where all is impossible: infinities would give NaN


def _infer(op, specs, values):
    log_probs, _ = specs
    batch = log_probs.shape[1]
    return (dense((batch,), log_probs.dtype), dense(log_probs.shape, log_probs.dtype)), None


def _reference(code, arrays, numbers):
    log_probs, targets = arrays
    input_lengths, target_lengths, blank = code.attrs[2:]
    sequences, start = [], 0
    for n, (steps, length) in enumerate(zip(input_lengths, target_lengths)):
        labels = targets[n, :length] if targets.ndim == 2 else targets[start : start + length]
        start += length
        sequences.append(_Sequence(log_probs[:steps, n].astype(np.float64), labels.astype(np.int64), blank))
    tables = _variables([part for sequence in sequences for part in sequence.both_ways()])
    losses = np.zeros(log_probs.shape[1], log_probs.dtype)
    slopes = np.zeros_like(log_probs)
    for n, sequence in enumerate(sequences):
        losses[n], slopes[: input_lengths[n], n] = sequence.outcome(*tables[2 * n : 2 * n + 2])
    return losses, slopes


class _Sequence:
    """The labels of one sequence with blanks around them, and the logarithms of what each step gives them."""

    def __init__(self, log_probs, labels, blank: int) -> None:
        self.log_probs = log_probs
        self.extended = np.full(2 * len(labels) + 1, blank)
        self.extended[1::2] = labels
        # A blank may be left out between two labels that differ.
        self.skips = np.zeros(len(self.extended), bool)
        self.skips[2:] = (self.extended[2:] != blank) & (self.extended[2:] != self.extended[:-2])

    def both_ways(self):
        """What ``_variables`` needs, from the front and from the back."""
        emitted = self.log_probs[:, self.extended]
        backwards = np.zeros(len(self.extended), bool)
        backwards[:-2] = self.skips[2:]
        return (emitted, self.skips), (emitted[::-1, ::-1], backwards[::-1])

    def outcome(self, alpha, beta):
        """The loss, and its slope by what went into the softmax that made ``log_probs``."""
        log_probs = self.log_probs
        if not len(log_probs):
            return (0.0 if len(self.extended) == 1 else np.inf), np.zeros_like(log_probs)
        loss = -np.logaddexp.reduce(alpha[-1, -2:])
        ways = alpha + beta[::-1, ::-1]
        through = np.full(log_probs.shape, _NEVER)
        for label in np.unique(self.extended):
            through[:, label] = _log_sum(ways[:, self.extended == label])
        return loss, np.exp(log_probs) - np.exp(through + loss - log_probs)


def _log_sum(x):
    """The logarithms of the sums of exponentials of rows."""
    largest = x.max(1)
    finite = np.where(largest == _NEVER, 0.0, largest)
    return np.log(np.exp(x - finite[:, None]).sum(1)) + finite


def _variables(parts):
    """Logarithms of the probabilities of all ways to each position, step by step, for ``(emitted, skips)`` of some sequences."""
    if not parts:
        return []
    steps, places = (max(emitted.shape[d] for emitted, _ in parts) for d in (0, 1))
    emitted = np.full((steps, len(parts), places), _NEVER)
    forbidden = np.full((len(parts), places), _NEVER)
    for n, (own, own_skips) in enumerate(parts):
        emitted[: len(own), n, : own.shape[1]] = own
        forbidden[n, : own.shape[1]][own_skips] = 0.0
    # Two more places in front, which nothing reaches, so that each place has two before it.
    table = np.full((steps, len(parts), places + 2), _NEVER)
    table[:1, :, 2:4] = emitted[:1, :, :2]
    ways = np.empty((3, len(parts), places))
    with np.errstate(divide="ignore"):  # the logarithm of no way at all
        for t in range(1, steps):
            before = table[t - 1]
            ways[0], ways[1] = before[:, 2:], before[:, 1:-1]
            np.add(before[:, :-2], forbidden, out=ways[2])
            top = np.maximum(ways.max(0), _LEAST)
            ways -= top
            np.exp(ways, out=ways)
            table[t, :, 2:] = np.log(ways.sum(0)) + (top + emitted[t])
    return [table[: len(own), n, 2 : own.shape[1] + 2] for n, (own, _) in enumerate(parts)]


_ctc = publish(
    Operator(
        "ctc_loss(Tensor log_probs, Tensor targets, any input_lengths, any target_lengths, int blank)",
        infer=_infer,
        reference=_reference,
    ),
    namespace=None,
)
_ctc.differentiable_results = (True, False)


@_ctc.gradient
def _(grads, saved):
    grad = grads[0].unsqueeze(-1)
    return where(grad == 0, 0, saved.outputs[1] * grad), None


def _lengths(lengths) -> tuple[int, ...]:
    if isinstance(lengths, Tensor):
        if lengths.dtype.category != 1:
            raise RuntimeError("input_lengths and target_lengths must be integral")
        lengths = lengths.reshape(-1).tolist()
    elif isinstance(lengths, int):
        lengths = (lengths,)
    return tuple(int(v) for v in lengths)


def _check(log_probs, targets, input_lengths, target_lengths, blank: int) -> None:
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if len(input_lengths) != batch:
        raise RuntimeError("input_lengths must be of size batch_size")
    if len(target_lengths) != batch:
        raise RuntimeError("target_lengths must be of size batch_size")
    for n, length in enumerate(input_lengths):
        if not 0 <= length <= steps:
            raise RuntimeError(
                f"Expected input_lengths to have value at most {steps} and at least 0, but got value "
                f"{length} "
                f"(while checking position {n})"
            )
    if any(length < 0 for length in target_lengths):
        raise RuntimeError("Expected target_lengths to have value at least 0")
    if targets.ndim == 2 and max(target_lengths, default=0) > targets.shape[1]:
        raise RuntimeError(
            f"Expected tensor to have size at least {max(target_lengths)} at dimension 1, but got size "
            f"{targets.shape[1]}"
        )
    if targets.ndim == 1 and np.sum(target_lengths) != targets.shape[0]:
        raise RuntimeError(
            f"Expected targets to have size {np.sum(target_lengths)}, the sum of target_lengths, got {targets.shape[0]}"
        )


def _loss(log_probs, targets, input_lengths, target_lengths, blank: int, reduction: str, zero_infinity: bool):
    input_lengths, target_lengths = _lengths(input_lengths), _lengths(target_lengths)
    single = log_probs.ndim == 2
    if log_probs.dtype.name not in ("float32", "float64"):
        raise RuntimeError(f"ctc_loss(): log_probs must be float32 or float64, got {log_probs.dtype}")
    if targets.dtype.category != 1:
        raise RuntimeError(f"ctc_loss(): targets must be integers, got {targets.dtype}")
    if single:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.ndim == 1 else targets
    _check(log_probs, targets, input_lengths, target_lengths, blank)
    losses = _ctc.function(log_probs, targets, input_lengths, target_lengths, blank)[0]
    if zero_infinity:
        losses = where(losses == float("inf"), 0, losses)
    if reduction == "mean":
        from .creation import tensor

        return mean(losses / tensor(target_lengths, dtype=dtypes.int64).clamp(min=1).to(losses.dtype))
    if reduction == "sum":
        return sum(losses)
    return losses.squeeze(0) if single else losses


@function("nn.functional")
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
):
    """The negative log likelihood of label sequences under log-probabilities ``(T, N, C)`` or ``(T, C)``,
    summed over alignments.

    ``targets`` are ``(N, S)``, or the sequences one after the other. The mean divides each loss by its
    target's length first. ``zero_infinity`` makes losses of impossible alignments (too few steps) and their
    gradients zero. As in PyTorch, the gradient is that of the input of the log-softmax which made
    ``log_probs``.
    """
    return _loss(log_probs, targets, input_lengths, target_lengths, blank, reduction_name(reduction), zero_infinity)


@function(name="ctc_loss")
def _torch_ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
):
    """As ``nn.functional.ctc_loss``; ``reduction`` is 0 for none, 1 for mean, 2 for sum."""
    return _loss(
        log_probs,
        targets,
        input_lengths,
        target_lengths,
        blank,
        ("none", "mean", "sum")[reduction],
        zero_infinity,
    )
