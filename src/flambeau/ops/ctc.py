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


def _infer(op, specs, values):
    log_probs, _ = specs
    batch = log_probs.shape[1]
    return (dense((batch,), log_probs.dtype), dense(log_probs.shape, log_probs.dtype)), None


def _reference(code, arrays, numbers):
    log_probs, targets = arrays
    input_lengths, target_lengths, blank = code.attrs[2:]
    losses = np.zeros(log_probs.shape[1], log_probs.dtype)
    slopes = np.zeros_like(log_probs)
    start = 0
    for n, (steps, length) in enumerate(zip(input_lengths, target_lengths)):
        labels = targets[n, :length] if targets.ndim == 2 else targets[start : start + length]
        start += length
        losses[n], slopes[:steps, n] = _one(log_probs[:steps, n].astype(np.float64), labels.astype(np.int64), blank)
    return losses, slopes


def _one(log_probs, labels, blank: int):
    """The loss of one sequence, and its slope by what went into the softmax that made ``log_probs``."""
    steps = len(log_probs)
    extended = np.full(2 * len(labels) + 1, blank)
    extended[1::2] = labels
    if not steps:
        return (0.0 if not len(labels) else np.inf), np.zeros_like(log_probs)
    # A blank may be left out between two labels that differ.
    skips = np.zeros(len(extended), bool)
    skips[2:] = (extended[2:] != blank) & (extended[2:] != extended[:-2])
    emitted = log_probs[:, extended]
    alpha = _variables(emitted, skips)
    backwards = np.zeros(len(extended), bool)
    backwards[:-2] = skips[2:]
    beta = _variables(emitted[::-1, ::-1], backwards[::-1])[::-1, ::-1]
    loss = -np.logaddexp.reduce(alpha[-1, -2:])
    through = np.full(log_probs.shape, _NEVER)
    for s, label in enumerate(extended):
        through[:, label] = np.logaddexp(through[:, label], alpha[:, s] + beta[:, s])
    return loss, np.exp(log_probs) - np.exp(through + loss - log_probs)


def _variables(emitted, skips):
    """Logarithms of the probabilities of all ways to each position, step by step."""
    table = np.full(emitted.shape, _NEVER)
    table[0, :2] = emitted[0, :2]
    for t in range(1, len(emitted)):
        ways = table[t - 1].copy()
        ways[1:] = np.logaddexp(ways[1:], table[t - 1, :-1])
        ways[2:] = np.where(skips[2:], np.logaddexp(ways[2:], table[t - 1, :-2]), ways[2:])
        table[t] = ways + emitted[t]
    return table


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
