"""What PyTorch's operator database does not hold: numbers that become elements, empty inputs, dtypes of results."""

from __future__ import annotations

import math

import pytest
from tests.ops.elementwise_oracle import agree

INTEGERS = ["int64", "int32", "uint8"]
WRITES = {
    "full": lambda m, x, v: m.full((2,), v, dtype=x.dtype),
    "full_like": lambda m, x, v: m.full_like(x, v),
    "new_full": lambda m, x, v: x.new_full((2,), v),
    "fill": lambda m, x, v: m.fill(x, v),
    "fill_": lambda m, x, v: x.clone().fill_(v),
    "masked_fill": lambda m, x, v: x.masked_fill(x > 1, v),
    "masked_fill_": lambda m, x, v: x.clone().masked_fill_(x > 1, v),
    "index_fill": lambda m, x, v: x.index_fill(0, m.tensor([0]), v),
    "index_fill_": lambda m, x, v: x.clone().index_fill_(0, m.tensor([0]), v),
    "scatter": lambda m, x, v: x.scatter(0, m.tensor([0]), v),
    "scatter_": lambda m, x, v: x.clone().scatter_(0, m.tensor([0]), v),
    "constant_pad_nd": lambda m, x, v: m.constant_pad_nd(x, (1, 2), v),
    "pad": lambda m, x, v: m.nn.functional.pad(x, (1, 2), value=v),
    "tensor": lambda m, x, v: m.tensor([v], dtype=x.dtype),
}


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", WRITES)
def test_a_float_among_integers_loses_its_fraction_or_is_refused(name, dtype):
    for value in (2.0, 2.7, 2.0, 3, 200.5, math.nan, math.inf, 1e30):
        agree(lambda m, x, value=value: WRITES[name](m, x, value), [1, 2, 3], dtype=dtype)


REDUCED = {
    "median": lambda m, x: m.median(x),
    "nanmedian": lambda m, x: m.nanmedian(x),
    "median keepdim": lambda m, x: m.median(x, keepdim=True),
    "max keepdim": lambda m, x: m.max(x, keepdim=True),
    "min keepdim": lambda m, x: m.min(x, keepdim=True),
    "argmax": lambda m, x: m.argmax(x, 1),
    "argmin": lambda m, x: m.argmin(x, -2),
    "sum_to_size": lambda m, x: x.sum_to_size(()) if x.ndim == 0 else x.sum_to_size(1),
    "einsum": lambda m, x: m.einsum("i->", x) if x.ndim else m.einsum("->", x),
    "einsum of two": lambda m, x: m.einsum("i,j->i", x, x) if x.ndim else m.einsum(",->", x, x),
    "mode": lambda m, x: m.mode(x)[0],
    "sort": lambda m, x: m.sort(x)[0],
}


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "bfloat16"])
@pytest.mark.parametrize("name", REDUCED)
def test_reductions_at_the_edges(name, dtype):
    for data in ([], 1, [1, 0, 1]):
        agree(REDUCED[name], data, dtype=dtype)


@pytest.mark.parametrize("name", ["mode", "sort", "max keepdim"])
def test_what_has_no_order_is_refused(name):
    agree(REDUCED[name], [1.0, 0.0, 1.0], dtype="complex64")


BOUNDS = [(-0.0, -8.000001, -4.0), (0, 5.5, 1.5), (1.9, 7.2, 1), (0.5, 3, 0.5), (0, 1, 0.3)]
POWERS = [(1.2, 2, 2), (0, 2.9, 5), (2.7, 3.2, 3), (1.9, 1.9, 1), (0, 3, 4)]


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "float32"])
def test_ranges_of_integers_between_floats(dtype):
    for bounds in BOUNDS:
        agree(lambda m, bounds=bounds: m.arange(*bounds, dtype=getattr(m, dtype)))
    for bounds in POWERS:
        agree(lambda m, bounds=bounds: m.logspace(*bounds, dtype=getattr(m, dtype)))


def test_nothing_is_normalized_in_its_own_dtype():
    agree(lambda m: m.nn.functional.local_response_norm(m.zeros(0, 1, 2, dtype=m.int64), 1))
    agree(lambda m: m.nn.functional.fractional_max_pool3d(m.zeros(0, 2, 5, 5, 5), 2, output_size=3))


def test_the_statistics_of_empty_groups_require_grad():
    def requiring(m):
        x, weight = m.zeros(0, 4, 3, requires_grad=True), m.ones(4, requires_grad=True)
        return m.tensor([part.requires_grad for part in m.native_group_norm(x, weight, None, 0, 4, 3, 2, 1e-5)])

    agree(requiring)
