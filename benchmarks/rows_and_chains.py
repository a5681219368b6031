"""Memory-bound work: an elementwise chain, and operators over rows with their gradients."""

from __future__ import annotations

from importlib import import_module

from .measure import Block, Row, compare, timed, with_two_threads

ROWS, COLUMNS = 4096, 1024
CHAIN_ELEMENTS = 1 << 24


def chain(lib) -> Block:
    """Eight elementwise operators over 16 M floats."""
    x = lib.rand(CHAIN_ELEMENTS)

    def run():
        y = ((x * 2 + 1).tanh() * x - 0.5).abs().sqrt() / 3
        y[0].item()

    return timed(run)


def with_backward(lib, function) -> Block:
    """``function(F, x)`` and its gradient, for a fixed incoming gradient."""
    F = import_module(f"{lib.__name__}.nn.functional")
    x = lib.rand(ROWS, COLUMNS).requires_grad_()
    with lib.no_grad():
        result = function(F, x)
    incoming = lib.ones(()) if not result.dim() else lib.rand(*result.shape)

    def run():
        x.grad = None
        function(F, x).backward(incoming)
        x.grad[0, 0].item()

    return timed(run)


def _layer_norm(lib):
    weight, bias = lib.ones(COLUMNS), lib.zeros(COLUMNS)
    return lambda F, x: F.layer_norm(x, (COLUMNS,), weight, bias)


def _cross_entropy(lib):
    target = lib.arange(ROWS) % COLUMNS
    return lambda F, x: F.cross_entropy(x, target)


CASES = {
    "softmax": lambda lib: lambda F, x: F.softmax(x, 1),
    "layer norm": _layer_norm,
    "GELU": lambda lib: lambda F, x: F.gelu(x),
    "cross entropy": _cross_entropy,
}


def rows(repetitions: int) -> list[Row]:
    ours, theirs = with_two_threads()
    found = [compare("eight elementwise operators, 16 M floats", chain(ours), chain(theirs), 0.5, repetitions)]
    for name, case in CASES.items():
        found.append(compare(f"{name} with backward, {ROWS}x{COLUMNS}", with_backward(ours, case(ours)),
                             with_backward(theirs, case(theirs)), 0.5, repetitions))
    return found
