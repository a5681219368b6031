"""Generated kernels against NumPy and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.kernel_harness import Nodes, elementwise, run

from flambeau.compiler.kernel import Arg, Kernel, plan

RNG = np.random.default_rng(0)
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float32", "float64")


def numbers(dtype: str, *shape: int) -> np.ndarray:
    """Small random numbers, some of them equal, some of them zero."""
    if dtype == "bool":
        return RNG.integers(0, 2, shape).astype(bool)
    low = 0 if dtype == "uint8" else -9
    return RNG.integers(low, 10, shape).astype(dtype) / (1 if dtype in INTEGERS else np.asarray(4, dtype))


def integers_or_floats(dtype: str, *shape: int) -> np.ndarray:
    return numbers(dtype, *shape).astype(dtype)


def binary_kernel(op: str, dtype: str, result: str | None = None) -> Kernel:
    n = Nodes()
    x, y = (n.node("load", dtype, attr=position) for position in (0, 1))
    return elementwise(n, [Arg(dtype), Arg(dtype)], n.node(op, result or dtype, x, y))


def apply(op: str, x: np.ndarray, y: np.ndarray, result: str | None = None) -> np.ndarray:
    """One binary operation on two arrays of one dim."""
    out = np.zeros(len(x), result or x.dtype)
    run(binary_kernel(op, x.dtype.name, result), [x, y, out], [len(x)])
    return out


def apply_unary(op: str, x: np.ndarray, result: str | None = None) -> np.ndarray:
    n = Nodes()
    value = n.node(op, result or x.dtype.name, n.node("load", x.dtype.name, attr=0))
    out = np.zeros(len(x), result or x.dtype)
    run(elementwise(n, [Arg(x.dtype.name)], value), [x, out], [len(x)])
    return out


# -- elementwise ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", (*INTEGERS, *FLOATS))
def test_arithmetic_of_every_dtype(dtype):
    x, y = integers_or_floats(dtype, 75), integers_or_floats(dtype, 75)
    for op, expected in {
        "add": x + y, "sub": x - y, "mul": x * y, "maximum": np.maximum(x, y), "minimum": np.minimum(x, y),
    }.items():  # fmt: skip
        np.testing.assert_array_equal(apply(op, x, y), expected, err_msg=op)


@pytest.mark.parametrize("dtype", ("bool", *INTEGERS, *FLOATS))
def test_comparisons_of_every_dtype(dtype):
    x, y = integers_or_floats(dtype, 75), integers_or_floats(dtype, 75)
    if dtype in FLOATS:
        x[::7], y[::5] = np.nan, np.nan
    for op, expected in {
        "eq": x == y,
        "ne": x != y,
        "lt": x < y,
        "le": x <= y,
        "gt": x > y,
        "ge": x >= y,
    }.items():
        np.testing.assert_array_equal(apply(op, x, y, "bool"), expected, err_msg=op)


@pytest.mark.parametrize("size", range(71))
def test_every_tail(size):
    """Nothing past the end is written."""
    x, y = RNG.random(size, np.float32), RNG.random(size, np.float32)
    out = np.full(size + 1, 7, np.float32)
    run(binary_kernel("add", "float32"), [x, y, out[:size]], [size])
    np.testing.assert_array_equal(out[:size], x + y)
    assert out[size] == 7


@pytest.mark.parametrize("shape", [(21,), (3, 21), (2, 3, 21), (2, 3, 2, 21), (0, 4, 21), (4, 0)])
@pytest.mark.parametrize("chunk", [0, 1, 5])
def test_outer_ranks_and_chunks(shape, chunk):
    x, y = RNG.random(shape), RNG.random(shape)
    out = np.zeros(shape)
    n = Nodes()
    value = n.add(*(n.node("load", "float64", attr=position) for position in (0, 1)))
    kernel = elementwise(n, [Arg("float64"), Arg("float64")], value, outer=len(shape) - 1)
    run(kernel, [x, y, out], shape, chunk=chunk)
    np.testing.assert_array_equal(out, x + y)


@pytest.mark.parametrize("dtype", ("uint8", "int16", "float32", "int64", "bool"))
def test_inner_stride_classes(dtype):
    """A transposed operand, a broadcast one, and a transposed result."""
    x, y = integers_or_floats(dtype, 37, 5).T, integers_or_floats(dtype, 5, 1)
    out = np.zeros((37, 5), dtype).T
    n = Nodes()
    value = n.add(*(n.node("load", dtype, attr=position) for position in (0, 1)))
    kernel = elementwise(
        n, [Arg(dtype, inner="strided"), Arg(dtype, inner="broadcast")], value, 1, inner="strided"
    )
    run(kernel, [x, np.broadcast_to(y, x.shape), out], x.shape)
    np.testing.assert_array_equal(out, x + y)


@pytest.mark.parametrize("chunk", [0, 7, 100])
def test_tiles_of_a_transposed_operand(chunk):
    """More rows than a tile has, a partial tile, and slices that items cut apart."""
    x = RNG.random((3, 70, 150)).transpose(0, 2, 1)
    out = np.zeros(x.shape)
    n = Nodes()
    kernel = elementwise(n, [Arg("float64", inner="strided")], n.neg(n.node("load", "float64", attr=0)), 2)
    run(kernel, [x, out], x.shape, chunk=chunk)
    np.testing.assert_array_equal(out, -x)


def test_middle_dims_of_an_elementwise_kernel():
    x, y = RNG.random((2, 3, 4, 19)), RNG.random((3, 1, 19))
    out = np.zeros(x.shape)
    n = Nodes()
    value = n.mul(*(n.node("load", "float64", attr=position) for position in (0, 1)))
    kernel = elementwise(n, [Arg("float64"), Arg("float64")], value, outer=1, middle=2)
    run(kernel, [x, np.broadcast_to(y, x.shape), out], x.shape)
    np.testing.assert_array_equal(out, x * y)


@pytest.mark.parametrize("chunk", [0, 16, 33, 100])
def test_items_that_split_the_inner_dim(chunk):
    x, out = RNG.random(75), np.zeros(75)
    n = Nodes()
    value = n.square(n.node("load", "float64", attr=0))
    kernel = elementwise(n, [Arg("float64")], value)
    split = Kernel(0, 0, "row", "inner", kernel.args, (), kernel.nodes)
    run(split, [x, out], [75], chunk=chunk)
    np.testing.assert_array_equal(out, x * x)


def test_in_place_and_scalars():
    x = RNG.random(100, np.float32)
    expected = x * np.float32(0.1) + 3
    n = Nodes()
    scale, shift = (
        n.node("scalar", "float32", attr=0),
        n.node("cast", "float32", n.node("scalar", "int64", attr=1)),
    )
    value = n.add(n.mul(n.node("load", "float32", attr=0), scale), shift)
    run(
        elementwise(n, [Arg("float32")], value, scalars=("float32", "int64")), [x, x], [100], scalars=(0.1, 3)
    )
    np.testing.assert_array_equal(x, expected)


def test_positions():
    """``index`` gives the coordinates of an element."""
    n = Nodes()
    places = [
        n.node("index", "int64", attr=attr)
        for attr in (("outer", 0), ("outer", 1), ("middle", 0), ("inner",))
    ]
    value = places[0]
    for place in places[1:]:
        value = n.add(n.mul(value, n.const(100, "int64")), place)
    shape = (2, 3, 4, 21)
    out = np.zeros(shape, np.int64)
    run(elementwise(n, [], value, outer=2, middle=1), [out], shape, chunk=4)
    i, j, k, m = np.indices(shape)
    np.testing.assert_array_equal(out, ((i * 100 + j) * 100 + k) * 100 + m)


# -- operations ----------------------------------------------------------------------------------


def test_special_floats():
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 2.5, -2.5, 3.5, 1e30])
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    for op, expected in {
        "maximum": np.maximum(x, y), "minimum": np.minimum(x, y),
        "fmax": np.fmax(x, y), "fmin": np.fmin(x, y),
        "copysign": np.copysign(x, y),
    }.items():  # fmt: skip
        np.testing.assert_array_equal(apply(op, x, y), expected, err_msg=op)
    for op, expected in {
        "isnan": np.isnan(x),
        "isinf": np.isinf(x),
        "isfinite": np.isfinite(x),
        "signbit": np.signbit(x),
    }.items():
        np.testing.assert_array_equal(apply_unary(op, x, "bool"), expected, err_msg=op)
    for op in ("floor", "ceil", "trunc", "sqrt", "abs", "neg", "square"):
        with np.errstate(all="ignore"):
            expected = {"abs": np.abs, "neg": np.negative}.get(op, getattr(np, op, None))(x)
        np.testing.assert_array_equal(apply_unary(op, x), expected, err_msg=op)
    np.testing.assert_array_equal(apply_unary("round", x), np.rint(x))


@pytest.mark.parametrize("dtype", ("uint8", "int8", "int16", "int32", "int64", "float32", "float64"))
@pytest.mark.parametrize(
    ("op", "torch_op"), [("floordiv", "floor_divide"), ("remainder", "remainder"), ("fmod", "fmod")]
)
def test_division_with_remainder(dtype, op, torch_op):
    torch = pytest.importorskip("torch")
    x, y = integers_or_floats(dtype, 200), integers_or_floats(dtype, 200)
    if dtype in INTEGERS:
        y[y == 0] = 3  # PyTorch raises; see the next test
        x[:2], y[:1] = np.iinfo(dtype).max, 1
        x[2:5], y[2], y[3:5] = np.iinfo(dtype).min, 5, np.iinfo(dtype).max
    else:
        x = np.concatenate([x * 1e7, [np.nan, np.inf, 1, 1, -1, 1e30, -1e30, 0.0, -0.0, 5, -5]]).astype(dtype)
        y = np.concatenate([y, [1, 1, np.nan, np.inf, np.inf, 3, 7, 5, 5, 0, 0]]).astype(dtype)
    expected = getattr(torch, torch_op)(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    np.testing.assert_array_equal(apply(op, x, y), expected)
    if dtype in FLOATS and op != "floordiv":
        sign = np.copysign(1, expected)[~np.isnan(expected)]
        np.testing.assert_array_equal(np.copysign(1, apply(op, x, y))[~np.isnan(expected)], sign)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_division_never_traps(dtype):
    x, zero = integers_or_floats(dtype, 20), np.zeros(20, dtype)
    np.testing.assert_array_equal(apply("floordiv", x, zero), zero)
    np.testing.assert_array_equal(apply("truncdiv", x, zero), zero)
    if dtype != "uint8":
        lowest = np.full(20, np.iinfo(dtype).min, dtype)
        np.testing.assert_array_equal(apply("floordiv", lowest, zero - 1), lowest)
        np.testing.assert_array_equal(apply("remainder", lowest, zero - 1), zero)


@pytest.mark.parametrize("dtype", ("uint8", "int32", "int64"))
def test_bits_and_powers_of_integers(dtype):
    torch = pytest.importorskip("torch")
    x, y = integers_or_floats(dtype, 75), np.abs(integers_or_floats(dtype, 75))
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    for op, torch_op in {
        "bitwise_and": torch.bitwise_and, "bitwise_or": torch.bitwise_or, "bitwise_xor": torch.bitwise_xor,
        "shift_left": torch.bitwise_left_shift, "shift_right": torch.bitwise_right_shift, "pow": torch.pow,
    }.items():  # fmt: skip
        np.testing.assert_array_equal(apply(op, x, y), torch_op(tx, ty).numpy(), err_msg=op)
    for op, torch_op in {"bitwise_not": torch.bitwise_not, "abs": torch.abs, "sign": torch.sign}.items():
        np.testing.assert_array_equal(apply_unary(op, x), torch_op(tx).numpy(), err_msg=op)


def test_where_and_logic():
    c, x, y = numbers("bool", 50), numbers("float32", 50), numbers("float32", 50)
    n = Nodes()
    condition = n.node("load", "bool", attr=0)
    both = n.where(condition, *(n.node("load", "float32", attr=position) for position in (1, 2)))
    out = np.zeros(50, np.float32)
    run(elementwise(n, [Arg("bool"), Arg("float32"), Arg("float32")], both), [c, x, y, out], [50])
    np.testing.assert_array_equal(out, np.where(c, x, y))
    for op in ("logical_and", "logical_or", "logical_xor"):
        np.testing.assert_array_equal(apply(op, x, y, "bool"), getattr(np, op)(x, y), err_msg=op)


def test_constants():
    """A kernel is a key: the sign of a zero counts, and a NaN is equal to itself."""
    kernels = []
    for number in (0.0, -0.0, float("nan"), float("nan"), float("-inf")):
        n = Nodes()
        kernels.append(elementwise(n, [], n.const(number)))
        out = np.ones(20, np.float32)
        run(kernels[-1], [out], [20])
        np.testing.assert_array_equal(out, np.full(20, number, np.float32))
        assert np.signbit(out[0]) == np.signbit(number)
    assert len(set(kernels)) == 4


# -- casts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ("bool", *INTEGERS, "float16", "bfloat16", *FLOATS))
def test_casts(source):
    torch = pytest.importorskip("torch")
    values = torch.tensor(
        [0.0, -0.0, 1.0, 2.6, 100.2, 3e-6, 0.1, 1e-41, 127.0] + ([-1.0, -2.6] if source != "uint8" else [])
    )
    if source in ("float16", "bfloat16", *FLOATS):
        values = torch.cat([values, torch.tensor([65519.0, 1.00390625, 1.01171875])])
    x = values.repeat(4).to(getattr(torch, source))
    for target in ("bool", *INTEGERS, "float16", "bfloat16", *FLOATS):
        n = Nodes()
        kernel = elementwise(n, [Arg(source)], n.cast(n.node("load", source, attr=0), dtype=target))
        expected = bits_of(torch, x.to(getattr(torch, target)))
        out = np.zeros_like(expected)
        run(kernel, [bits_of(torch, x), out], [len(out)])
        np.testing.assert_array_equal(out, expected, err_msg=target)


def bits_of(torch, tensor) -> np.ndarray:
    """A NumPy view of a tensor; NumPy knows no bfloat16."""
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


@pytest.mark.parametrize("name", ("float16", "bfloat16"))
def test_special_values_of_16_bit_floats(name):
    torch = pytest.importorskip("torch")
    dtype = getattr(torch, name)
    x = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    n = Nodes()
    kernel = elementwise(n, [Arg(name)], n.cast(n.node("load", name, attr=0), dtype="float32"))
    wide = np.zeros(2**16, np.float32)
    run(kernel, [bits_of(torch, x), wide], [2**16])
    np.testing.assert_array_equal(wide, x.float().numpy())
    y = torch.cat(
        [torch.randn(5000) * 10.0 ** torch.randint(-8, 8, (5000,)), torch.tensor([np.nan, np.inf, -np.inf])]
    )
    n = Nodes()
    kernel = elementwise(n, [Arg("float32")], n.cast(n.node("load", "float32", attr=0), dtype=name))
    narrow = np.zeros(len(y), np.int16 if name == "bfloat16" else np.float16)
    run(kernel, [y.numpy(), narrow], [len(y)])
    back = torch.from_numpy(narrow.view(np.int16)).view(dtype)
    torch.testing.assert_close(back, y.to(dtype), rtol=0, atol=0, equal_nan=True)


# -- reductions of rows --------------------------------------------------------------------------


def reduce_kernel(
    kind: str, dtype: str, outer: int, middle: int, mode: str = "row", split: str = "outer"
) -> Kernel:
    n = Nodes()
    result = n.reduce(kind, n.node("load", dtype, attr=0))
    out = n.list[result].dtype
    n.node("store", out, result, attr=1)
    return Kernel(outer, middle, mode, split, (Arg(dtype), Arg(out, "row", write=True)), (), tuple(n.list))


@pytest.mark.parametrize("dtype", ("int32", "int64", "uint8", *FLOATS))
@pytest.mark.parametrize("kind", ("sum", "prod", "max", "min", "argmax", "argmin"))
@pytest.mark.parametrize("shape", [(3, 1), (3, 16), (2, 201)])
def test_row_reductions(dtype, kind, shape):
    x = integers_or_floats(dtype, *shape)
    if kind == "prod":
        x = (x % 2 + 1).astype(dtype)
    expected = getattr(np, kind)(x, axis=1)
    out = np.zeros(shape[0], np.int64 if kind.startswith("arg") else dtype)
    run(reduce_kernel(kind, dtype, 1, 0), [x, out], shape)
    if dtype in FLOATS:
        np.testing.assert_allclose(out, expected, rtol=1e-6)
    else:
        np.testing.assert_array_equal(out, expected.astype(out.dtype))


def test_any_and_all():
    x = RNG.random((40, 70)) < 0.02
    x[20:] = ~x[20:]
    for kind in ("any", "all"):
        out = np.zeros(40, bool)
        run(reduce_kernel(kind, "bool", 1, 0), [x, out], x.shape)
        np.testing.assert_array_equal(out, getattr(np, kind)(x, axis=1))


@pytest.mark.parametrize("kind", ("max", "min", "argmax", "argmin"))
@pytest.mark.parametrize("position", (0, 17, 64, 99, 100))
def test_nan_wins(kind, position):
    """A NaN is the largest and the smallest number; the first one counts."""
    torch = pytest.importorskip("torch")
    x = RNG.standard_normal((1, 101)).astype(np.float32)
    x[0, position:] = np.where(RNG.random(101 - position) < 0.3, np.nan, x[0, position:])
    x[0, position] = np.nan
    expected = getattr(torch, {"max": "amax", "min": "amin"}.get(kind, kind))(torch.from_numpy(x), 1).numpy()
    out = np.zeros(1, expected.dtype)
    run(reduce_kernel(kind, "float32", 1, 0), [x, out], x.shape)
    np.testing.assert_array_equal(out, expected)


def test_position_among_equals():
    """The first of equal values counts, infinities included."""
    for x in (np.full(200, -np.inf), np.ones(200), np.repeat([1.0, 5.0, 5.0, 2.0], 50)):
        out = np.zeros(1, np.int64)
        run(reduce_kernel("argmax", "float64", 1, 0), [x[None], out], (1, 200))
        assert out[0] == x.argmax()


@pytest.mark.parametrize("kind", ("sum", "max", "argmin"))
def test_reduction_over_middle_and_inner(kind):
    x = RNG.standard_normal((5, 3, 4, 37)).transpose(1, 0, 2, 3)
    out = np.zeros(3, np.int64 if kind == "argmin" else np.float64)
    run(reduce_kernel(kind, "float64", 1, 2), [x, out], x.shape, chunk=2)
    np.testing.assert_allclose(out, getattr(np, kind)(x.reshape(3, -1), axis=1), rtol=1e-12)


@pytest.mark.parametrize("kind", ("sum", "max", "argmax"))
@pytest.mark.parametrize("chunk", (16, 50, 200))
def test_partial_results_of_a_split_inner_dim(kind, chunk):
    x = RNG.standard_normal(177)
    pieces = [x[i : i + chunk] for i in range(0, 177, chunk)]
    out = np.zeros(len(pieces), np.int64 if kind == "argmax" else np.float64)
    run(reduce_kernel(kind, "float64", 0, 0, split="inner"), [x, out], [177], chunk=chunk)
    expected = [getattr(np, kind)(p) + (i * chunk if kind == "argmax" else 0) for i, p in enumerate(pieces)]
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(37, 1), (5, 70), (3, 1024)])
def test_softmax_in_three_passes(shape):
    n = Nodes()
    x = n.node("load", "float32", attr=0)
    e = n.exp(n.sub(x, n.reduce("max", x)))
    n.node("store", "float32", n.div(e, n.reduce("sum", e)), attr=1)
    kernel = Kernel(1, 0, "row", "outer", (Arg("float32"), Arg("float32", write=True)), (), tuple(n.list))
    assert len(plan(kernel).passes) == 3
    assert plan(kernel).saved == (e,)
    a = RNG.standard_normal(shape).astype(np.float32)
    expected = np.exp(a - a.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    out = np.zeros_like(a)
    run(kernel, [a, out], shape)
    np.testing.assert_allclose(out, expected, rtol=2e-6)
    run(kernel, [a, a], shape)  # in place
    np.testing.assert_array_equal(a, out)


def layer_norm(size: int) -> Kernel:
    n = Nodes()
    x, weight, bias = (n.node("load", "float32", attr=position) for position in range(3))
    count = n.const(size)
    centred = n.sub(x, n.div(n.reduce("sum", x), count))
    variance = n.div(n.reduce("sum", n.square(centred)), count)
    scale = n.rsqrt(n.add(variance, n.const(1e-5)))
    n.node("store", "float32", n.fma(n.mul(centred, scale), weight, bias), attr=3)
    n.node("store", "float32", scale, attr=4)
    args = (
        *(Arg("float32") for _ in range(3)),
        Arg("float32", write=True),
        Arg("float32", "row", write=True),
    )
    return Kernel(1, 0, "row", "outer", args, (), tuple(n.list))


def test_layer_norm():
    torch = pytest.importorskip("torch")
    x, weight, bias = RNG.standard_normal((9, 90)).astype("f"), RNG.random(90, "f"), RNG.random(90, "f")
    out, scale = np.zeros_like(x), np.zeros(9, "f")
    rows = [np.broadcast_to(a, x.shape) for a in (weight, bias)]
    run(layer_norm(90), [x, *rows, out, scale], x.shape, chunk=4)
    tensors = [torch.from_numpy(a) for a in (x, weight, bias)]
    expected = torch.nn.functional.layer_norm(tensors[0], (90,), *tensors[1:])
    np.testing.assert_allclose(out, expected.numpy(), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(scale, 1 / np.sqrt(x.var(1) + 1e-5), rtol=2e-6)


# -- reductions of columns -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ("sum", "max", "argmax", "prod"))
@pytest.mark.parametrize("shape", [(2, 7), (1, 5, 3), (2, 3, 64), (2, 9, 201), (3, 4, 5, 70), (1, 0, 7)])
def test_column_reductions(kind, shape):
    x = RNG.standard_normal(shape)
    middle = len(shape) - 2
    flat = x.reshape(shape[0], -1, shape[-1])
    if flat.size == 0 and kind != "sum":
        return
    out = np.zeros((shape[0], shape[-1]), np.int64 if kind == "argmax" else np.float64)
    run(reduce_kernel(kind, "float64", 1, middle, "column"), [x, out], shape)
    np.testing.assert_allclose(out, getattr(np, kind)(flat, axis=1), rtol=1e-12, atol=1e-13)  # sums may cancel


def test_long_columns_are_summed_accurately():
    x, out = RNG.random((1, 20000, 17), "f"), np.zeros((1, 17), "f")
    run(reduce_kernel("sum", "float32", 1, 1, "column"), [x, out], x.shape)
    np.testing.assert_allclose(out, x.sum(1, dtype="d"), rtol=1e-6)


@pytest.mark.parametrize("chunk", (16, 100))
def test_column_reduction_split_over_columns(chunk):
    x, out = RNG.standard_normal((9, 201)).astype("f"), np.zeros(201, "f")
    run(reduce_kernel("sum", "float32", 0, 1, "column", "inner"), [x, out], x.shape, chunk=chunk)
    np.testing.assert_allclose(out, x.sum(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 7, 131)])
def test_softmax_of_columns(shape):
    n = Nodes()
    x = n.node("load", "float32", attr=0)
    e = n.exp(n.sub(x, n.reduce("max", x)))
    n.node("store", "float32", n.div(e, n.reduce("sum", e)), attr=1)
    kernel = Kernel(1, 1, "column", "outer", (Arg("float32"), Arg("float32", write=True)), (), tuple(n.list))
    a = RNG.standard_normal(shape).astype(np.float32)
    out = np.zeros_like(a)
    run(kernel, [a, out], shape)
    expected = np.exp(a - a.max(1, keepdims=True))
    np.testing.assert_allclose(out, expected / expected.sum(1, keepdims=True), rtol=2e-6)


def test_row_level_arguments_of_columns():
    """Batch norm's application: one scale for each column, read once a strip."""
    x, scale, out = RNG.standard_normal((6, 40)), RNG.random(40), np.zeros((6, 40))
    total = np.zeros(40)
    n = Nodes()
    scaled = n.mul(n.node("load", "float64", attr=0), n.node("load", "float64", attr=1))
    n.node("store", "float64", scaled, attr=2)
    n.node("store", "float64", n.reduce("sum", scaled), attr=3)
    args = (
        Arg("float64"),
        Arg("float64", "row"),
        Arg("float64", write=True),
        Arg("float64", "row", write=True),
    )
    run(Kernel(0, 1, "column", "outer", args, (), tuple(n.list)), [x, scale, out, total], x.shape)
    np.testing.assert_array_equal(out, x * scale)
    np.testing.assert_allclose(total, (x * scale).sum(0), rtol=1e-12)


# -- wrong kernels -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "diagonal"}, "mode"),
        ({"split": "middle"}, "split"),
        ({"outer": 1, "split": "inner"}, "inner dim"),
        ({"args": (Arg("float32"), Arg("float32"))}, "not declared as written"),
        ({"args": (Arg("float64"), Arg("float32", write=True))}, "dtype float64"),
        ({"args": (Arg("float32", inner="zigzag"), Arg("float32", write=True))}, "zigzag"),
        ({"args": (Arg("float32"),)}, "no argument 1"),
    ],
)
def test_malformed_kernels_are_refused(change, message):
    n = Nodes()
    good = elementwise(n, [Arg("float32")], n.neg(n.node("load", "float32", attr=0)))
    wrong = Kernel(**{**{f: getattr(good, f) for f in good.__dataclass_fields__}, **change})
    with pytest.raises(ValueError, match=message):
        plan(wrong)


def test_a_part_of_a_row_cannot_depend_on_its_sum():
    n = Nodes()
    x = n.node("load", "float32", attr=0)
    n.node("store", "float32", n.sub(x, n.reduce("sum", x)), attr=1)
    kernel = Kernel(0, 0, "row", "inner", (Arg("float32"), Arg("float32", write=True)), (), tuple(n.list))
    with pytest.raises(ValueError, match="whole row"):
        plan(kernel)


@pytest.mark.parametrize("dtype", ("float16", "bfloat16"))
def test_nothing_computes_with_16_bit_floats(dtype):
    with pytest.raises(ValueError, match="expected a cast"):
        plan(binary_kernel("add", dtype))
    with pytest.raises(ValueError, match="expected a cast"):
        plan(reduce_kernel("max", dtype, 1, 0))


def test_unknown_operations_are_refused():
    with pytest.raises(NotImplementedError, match="bitwise_and"):
        run(binary_kernel("bitwise_and", "float32"), [np.zeros(1, "f")] * 3, [1])


def test_a_number_rounded_to_float16_in_two_steps():
    """A scalar of a float64 computation becomes float32, then float16: LLVM would make one rounding of them that it cannot link."""
    import flambeau

    x = flambeau.tensor([0.3, 2.5, -7.0], dtype=flambeau.float16)
    seen = [flambeau.special.i1(x[:, None].expand(3, 64)).tolist() for _ in range(3)]
    assert seen[0] == seen[1] == seen[2]
