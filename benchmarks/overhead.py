"""What an operator costs besides its arithmetic."""

from __future__ import annotations

import time

from .measure import Block, Row, compare, timed, with_two_threads

RECORDED = 100


def recording(lib) -> Block:
    """``a + b`` again and again; what was recorded is run outside the time that is taken."""
    a, b = lib.ones(8), lib.ones(8)

    def block(n: int) -> float:
        seconds = 0.0
        for _ in range(-(-n // RECORDED)):
            start = time.perf_counter()
            for _ in range(RECORDED):
                c = a + b
            seconds += time.perf_counter() - start
            c.tolist()
        return seconds * n / (-(-n // RECORDED) * RECORDED)

    return block


def looked_at(lib) -> Block:
    a, b = lib.ones(8), lib.ones(8)
    return timed(lambda: (a + b).tolist())


def item(lib) -> Block:
    a = lib.ones(())
    return timed(lambda: (a + 1).item())


def multiply_sum_backward(lib, look: bool) -> Block:
    x, w = lib.ones(8, requires_grad=True), lib.ones(8)

    def line():
        x.grad = None
        (x * w).sum().backward()

    def looked():
        line()
        x.grad.tolist()

    def block(n: int) -> float:
        start = time.perf_counter()
        for _ in range(n):
            line()
        x.grad.tolist()
        return time.perf_counter() - start

    return timed(looked) if look else block


def rows(repetitions: int) -> list[Row]:
    ours, theirs = with_two_threads()
    return [
        compare("a + b, recorded", recording(ours), recording(theirs), 2.5, repetitions),
        compare("a + b, looked at", looked_at(ours), looked_at(theirs), 8, repetitions, "tolist() of 8 elements"),
        compare("a + 1, looked at by item()", item(ours), item(theirs), 8, repetitions),
        compare("(x * w).sum().backward()", multiply_sum_backward(ours, False), multiply_sum_backward(theirs, False), 1.5,
                repetitions, "x.grad looked at once a block"),
        compare("(x * w).sum().backward(), x.grad looked at", multiply_sum_backward(ours, True),
                multiply_sum_backward(theirs, True), None, repetitions),
    ]
