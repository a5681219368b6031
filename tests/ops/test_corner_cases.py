"""What PyTorch's operator database does not hold: numbers that become elements, empty inputs, dtypes of results."""

from __future__ import annotations

import math

import pytest
from tests.ops.elementwise_oracle import agree

import flambeau

torch = pytest.importorskip("torch")

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


def test_padding_refuses_empty_dimensions_that_it_would_read():
    for mode in ("reflect", "replicate", "circular"):
        for shape in ((2, 0), (0, 3), (2, 0, 3), (2, 3, 0)):
            agree(lambda m, mode=mode, shape=shape: m.nn.functional.pad(m.zeros(shape), (1, 1), mode=mode))


FLOATS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5, -2.5, 6e4, 0.0, 1.0]
GOALS = [0.0, 0.0, 0.0, 1.0, -1.0, math.inf, 0.0, math.inf, math.nan, 1.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_neighbours_and_signs(dtype):
    agree(lambda m, x, y: m.nextafter(x, y), FLOATS, GOALS, dtype=dtype)
    agree(lambda m, x, y: m.nextafter(y, x), FLOATS, GOALS, dtype=dtype)
    agree(lambda m, x: m.sign(x), FLOATS, dtype=dtype)  # NaN has the sign 0
    agree(lambda m, x: m.ldexp(x, m.tensor([1] * 5 + [-20] * 5, dtype=m.int8)), FLOATS, dtype=dtype)


def test_powers_of_two_out_of_range_scale_numbers_into_it():
    agree(lambda m, x: m.ldexp(x, m.tensor([140, 150, -149, 3000])), [1e-40, 3e-45, 1.0, 0.0])
    agree(lambda m, x: m.ldexp(x, m.tensor([1500])), [1e-300], dtype="float64")


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_division_of_integers_by_zero(dtype):
    for divided in ("floor_divide", "remainder", "fmod"):
        agree(lambda m, x, f=divided: getattr(m, f)(x, 0), [], dtype=dtype)
        agree(lambda m, x, f=divided: getattr(m, f)(x, 0), [1, 0], dtype=dtype)
    agree(lambda m, x: 2 // x, [1, 0], dtype=dtype)
    agree(lambda m, x: 2 % x, [1, 0], dtype=dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_remainder_of_zero_has_the_sign_of_the_dividend(dtype):
    for _ in range(3):  # by NumPy, then by kernels
        agree(lambda m, x: m.signbit(x % 2), [4.0, -4.0, 0.0, -0.0], dtype=dtype)
        agree(lambda m, x: m.signbit(x % -2.5), [5.0, -5.0, 0.0, -0.0], dtype=dtype)
        agree(lambda m, x: m.signbit(-5 % x), [5.0, -2.5, 1.0, -1.0], dtype=dtype)


def test_integers_at_the_ends_of_their_range():
    agree(lambda m, x: m.round(x), [2**63 - 1, -(2**63), 5], dtype="int64")
    agree(lambda m, x, y: x >> y, [255, 255, 7], [9, 7, 1], dtype="uint8")


def test_searching_across_dtypes():
    agree(lambda m: m.bucketize(m.tensor([1.5]), m.tensor([1, 2])))
    agree(lambda m: m.searchsorted(m.tensor([1.0, 255.0]), m.tensor([1, 300])))
    agree(lambda m: m.searchsorted(m.zeros(2, 0), m.zeros(2, 0)))


@pytest.mark.parametrize("value", [1 + 0j, 1.5 + 0j, 1 + 2j])
def test_a_complex_tensor_as_a_real_number(value):
    agree(lambda m, x: m.tensor(float(x)), value, dtype="complex64")
    agree(lambda m, x: m.tensor(int(x)), value, dtype="complex64")


def test_joining_nothing_along_any_dimension():
    agree(lambda m: m.cat([m.zeros(0)], 4))
    agree(lambda m: m.cat([m.zeros(0), m.zeros(0)], -3))


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_class_losses_want_floats(dtype):
    for loss in ("cross_entropy", "nll_loss"):
        agree(lambda m, x, f=loss: getattr(m.nn.functional, f)(x, m.tensor([0, 1])), [[1, 2], [3, 4]], dtype=dtype)


@pytest.mark.parametrize("value", [2.5, math.nan])
def test_numbers_of_three_operands_among_integers(value):
    agree(lambda m, x: m.addcmul(x, x, x, value=value), [1, 2, 3], dtype="int64")
    agree(lambda m, x: m.nn.functional.threshold(x, 1, value), [1, 2, 3], dtype="int64")


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex64", "bool"])
def test_a_complex_number_among_real_ones(dtype):
    def written(m, x, index):
        x[index(m)] = 1j
        return x

    for index in (lambda m: 0, lambda m: [0, 1], lambda m: m.tensor([True, False, True])):
        agree(lambda m, x, index=index: written(m, x, index), [1, 0, 1], dtype=dtype)


def second(function):
    """The gradient of a weighted sum of the gradient."""

    def program(m, x):
        def weighted(y):
            return (y * m.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)).sum()

        x.requires_grad_()
        first = m.autograd.grad(weighted(function(m, x)), x, create_graph=True)[0]
        return m.autograd.grad(weighted(first.cos()), x)[0]

    return program


TWICE = {
    "logcumsumexp": lambda m, x: m.logcumsumexp(x, 0),
    "i1": lambda m, x: m.special.i1(x),
    "i1e": lambda m, x: m.special.i1e(x),
    "norm": lambda m, x: m.linalg.vector_norm(x, 3.5),
}


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives(name):
    agree(second(TWICE[name]), [0.5, -1.0, 2.0, 0.1], dtype="float64")
    if name.startswith("i1"):
        agree(second(TWICE[name]), [0.0, 1.0], dtype="float64")


FORWARD = {
    "logcumsumexp": lambda m, x: m.logcumsumexp(x, 0),
    "norm at zero": lambda m, x: m.linalg.norm(x * 0),
    "norm of order 3.5 at zero": lambda m, x: m.linalg.vector_norm(x * 0, 3.5),
    "the scale of a group": lambda m, x: m.native_group_norm(x.reshape(1, 2, 2), None, None, 1, 2, 2, 1, 1e-5)[2],
}


@pytest.mark.parametrize("name", FORWARD)
def test_derivatives_forward(name):
    agree(lambda m, x, t: m.func.jvp(lambda z: FORWARD[name](m, z), (x,), (t,))[1], [0.5, -1.0, 2.0, 0.1], [1.0, -2.0, 0.0, 0.5],
          dtype="float64")


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.ones(4).split(2.0),
        lambda m: m.ones(4).split(True),
        lambda m: m.ones(4).split(m.tensor(2)),
        lambda m: m.ones(2, dtype=m.int64).polygamma_(1),
        lambda m: m.ones(2).polygamma(True),
        lambda m: m.ones(2, dtype=m.int64).ldexp_(m.tensor([1, 2])),
        lambda m: m.linalg.cross(m.ones(3), m.ones(3, dtype=m.float64)),
        lambda m: m.nn.functional.bilinear(m.ones(2), m.ones(3, dtype=m.float64), m.ones(4, 2, 3)),
    ],
)
def test_arguments_of_another_kind(call):
    def outcome(m):
        try:
            return str(call(m))
        except (TypeError, RuntimeError) as error:
            return type(error)

    assert outcome(flambeau) == outcome(torch)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "call",
    [
        lambda x, v: x == v,
        lambda x, v: x < v,
        lambda x, v: x % v,
        lambda x, v: x - v,
        lambda x, v: v - x,
        lambda x, v: x + v,
        lambda x, v: x * v,
        lambda x, v: x / v,
    ],
)
def test_numbers_beside_halves(call, dtype):
    """They are rounded like the elements, so that what was made of 0.1 equals 0.1; factors and divisors are not."""
    for number in (0.1, 0.3, 1.7):

        def results(m):
            x = m.tensor([0.1, 0.2, 0.3, 0.5, 1.7], dtype=getattr(m, dtype))
            return call(x, number).tolist(), call(x, m.tensor(number)).tolist()  # noqa: B023 - used at once

        assert results(flambeau) == results(torch), number
