"""Reads and writes of shared memory keep their order, whatever the compiler joins.

Each program runs with PyTorch and, several times, with flambeau: first operation by operation, then compiled.
"""

from __future__ import annotations

import numpy as np
import pytest
from tests.lazy.windows import repeatedly

import flambeau

torch = pytest.importorskip("torch")

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def matrix(lib, n):
    return lib.arange(float(n * n)).reshape(n, n) / 4 % 7


@program
def a_view_is_read_after_its_base_was_written(lib, n):
    x = lib.zeros(n)
    v = x[1:3]
    x.add_(1)
    y = v * 2
    x.mul_(3)
    return v, y, x


@program
def a_write_waits_for_a_pending_read(lib, n):
    x = matrix(lib, n)
    y = x + 1
    z = x.sum(0)
    x.fill_(9)
    return y, z, x


@program
def a_read_between_two_writes(lib, n):
    x = matrix(lib, n)
    x.mul_(2)
    y = x + 0
    x.mul_(2)
    z = x + 0
    x.zero_()
    return x, y, z


@program
def a_chain_in_place(lib, n):
    x = matrix(lib, n)
    for i in range(12):
        x.add_(i).mul_(0.5)
    return x


@program
def overlapping_views(lib, n):
    x = lib.arange(float(n))
    a, b = x[: n // 2 + 1], x[n // 2 - 1 :]
    a.mul_(2)
    b.add_(1)
    c = a[-1] + b[0]
    a.sub_(3)
    return x, c


@program
def interleaved_elements(lib, n):
    x = lib.arange(float(n))
    x[::2] += 1
    x[1::2] -= 1
    y = x[::2] * 2
    x[::2] = 0
    return x, y


@program
def rows_change_places(lib, n):
    x = matrix(lib, n)
    kept = x[0].clone()
    x[0] = x[1]
    x[1] = kept
    return x


@program
def elements_shift_by_one(lib, n):
    x = lib.arange(float(n))
    for _ in range(3):
        x[1:] = x[:-1].clone()
    return x


@program
def a_transposed_write(lib, n):
    x = matrix(lib, n)
    y = x * 2
    x.t().mul_(y)
    x.t()[0].add_(x[1])
    return x, y


@program
def blocks_are_filled_and_read_as_one(lib, n):
    x = lib.zeros(n, n)
    half = n // 2
    x[:half, :half] = 1
    x[half:, :half] = matrix(lib, n)[half:, :half]
    x[:half, half:].add_(2)
    total = x.sum()
    x[half:, half:] = total
    return x, x.sum(1)


@program
def a_sum_before_and_after_a_write(lib, n):
    x = matrix(lib, n)
    before = x.sum()
    x[0] = 5
    after = x.sum()
    return before, after, after - before


@program
def a_sum_goes_into_its_own_row(lib, n):
    x = matrix(lib, n)
    x[0] = x.sum(0)
    x[:, 0] = x.mean(1)
    return x


@program
def an_expanded_view_follows_its_base(lib, n):
    x = lib.arange(float(n)).unsqueeze(0)
    wide = x.expand(3, n)
    before = wide.sum(0)
    x.add_(1)
    return before, wide.sum(0), wide + 0


@program
def the_diagonal_is_written(lib, n):
    x = matrix(lib, n)
    d = x.diagonal()
    y = x * x
    d.copy_(y.sum(1))
    d.add_(d)
    return x, y


@program
def softmax_in_place(lib, n):
    x = matrix(lib, n)
    x.sub_(x.amax(1, keepdim=True))
    x.exp_()
    x.div_(x.sum(1, keepdim=True))
    return x


@program
def columns_are_joined_and_written_through(lib, n):
    x = matrix(lib, n)
    y = lib.cat([x, x * 2], 1)
    x.zero_()
    y[:, :n] += 1
    z = lib.stack([y[:, 0], y[:, n]])
    y.zero_()
    return x, y, z


@program
def pieces_of_a_buffer_are_set_one_by_one(lib, n):
    x = lib.zeros(4 * n)
    for i in range(4):
        x[i * n : (i + 1) * n] = lib.arange(float(n)) * i
        x[i * n] = -1
    return x, x.view(4, n).sum(0)


@program
def gathered_before_and_scattered_after_a_write(lib, n):
    x = lib.arange(float(n))
    i = lib.arange(n - 1, -1, -1)
    y = x[i]
    x[i[:2]] = -5.0
    z = x[i]
    x.index_add_(0, i, y)
    return x, y, z


@program
def a_detached_tensor_shares_memory(lib, n):
    x = matrix(lib, n)
    d = x.detach()
    y = x * 1
    d.add_(1)
    return x, y, d


@program
def a_sum_is_accumulated_in_place(lib, n):
    total = lib.zeros(())
    x = matrix(lib, n)
    for i in range(4):
        total += (x * i).sum()
        x -= total / 64
    return total, x


@program
def momentum_of_several_parameters(lib, n):
    parameters = [matrix(lib, n), lib.arange(float(n)), lib.ones(())]
    velocities = [lib.zeros_like(p) for p in parameters]
    for step in range(3):
        for p, v in zip(parameters, velocities):
            v.mul_(0.5).add_(p * 0.1 + step)
            p.sub_(v, alpha=0.25)
    return (*parameters, *velocities)


@program
def a_part_is_written_between_a_read_and_a_write_of_another_part(lib, n):
    x = matrix(lib, n) * 2
    y = x.view(-1) + 1
    x[1:] *= 2
    x[0].add_(-4)
    return x, y


@program
def a_look_in_between(lib, n):
    x = matrix(lib, n)
    y = x + 1
    x.add_(1)
    assert y.sum().item() == x.sum().item()
    x.mul_(2)
    z = y - x
    x.zero_()
    return y, z


@pytest.mark.parametrize("n", [4, 67, 300])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_order_of_reads_and_writes(program, n):
    expected = [x.numpy() for x in program(torch, n)]
    for results in repeatedly(lambda: [x.tolist() for x in program(flambeau, n)], 3):
        for e, got in zip(expected, results):
            np.testing.assert_allclose(np.array(got), e, rtol=2e-5, atol=1e-5)
