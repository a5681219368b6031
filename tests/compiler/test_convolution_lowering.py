"""Convolutions run by generated kernels: right against PyTorch in float64, and the same bits for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau
import flambeau.nn.functional as F
from flambeau.compiler.plans import Convolution
from flambeau.compiler.targets.cpu.native import has_lowering, lower_single
from flambeau.ops import convolution as ops
from flambeau.ops.convolution_kernels import MEANINGS, output_size

torch = pytest.importorskip("torch")


def operands(kind, x_shape, w_shape, plan, dtype="float64"):
    """The two operands of a kind of convolution, and the shape of its result."""
    rng = np.random.default_rng(0)
    outputs = map(output_size, x_shape[2:], w_shape[2:], plan.stride, plan.padding, plan.dilation)
    shapes = {"input": x_shape, "weight": w_shape, "output": (x_shape[0], w_shape[0], *outputs)}
    first, second = {"output": ("input", "weight"), "input": ("output", "weight"), "weight": ("output", "input")}[kind]
    return [rng.standard_normal(shapes[name]).astype(dtype) for name in (first, second)], shapes[kind]


def compute(kind, arrays, shape, plan):
    first, second = arrays if isinstance(arrays[0], flambeau.Tensor) else [flambeau.tensor(a) for a in arrays]
    if kind == "output":
        return ops._output(first, second, plan)
    return (ops._input if kind == "input" else ops._weight)(first, second, plan, tuple(shape[2:]))


def check(x_shape, w_shape, plan, dtype="float64", tolerance=1e-11):
    """All three kinds agree with their NumPy meanings (which are tested against PyTorch)."""
    for kind in ("output", "input", "weight"):
        arrays, shape = operands(kind, x_shape, w_shape, plan, dtype)
        expected = MEANINGS[kind](*arrays, plan, tuple(shape))
        np.testing.assert_allclose(compute(kind, arrays, shape, plan).numpy(), expected, rtol=tolerance, atol=tolerance, err_msg=kind)


@st.composite
def convolutions(draw):
    n = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel = [draw(st.integers(1, 4)) for _ in range(n)]
    stride = [draw(st.integers(1, 3)) for _ in range(n)]
    dilation = [draw(st.integers(1, 3)) for _ in range(n)]
    padding = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(n)]
    sizes = [max(d * (k - 1) + 1 - sum(p), 1) + draw(st.integers(0, 20)) for k, d, p in zip(kernel, dilation, padding)]
    channels, rows = groups * draw(st.integers(1, 5)), groups * draw(st.integers(1, 20))
    plan = Convolution("output", tuple(stride), tuple(padding), tuple(dilation), groups)
    return (draw(st.integers(1, 5)), channels, *sizes), (rows, channels // groups, *kernel), plan


@settings(max_examples=60, deadline=None, derandomize=True)
@given(convolutions())
def test_any_sizes_strides_paddings_dilations_and_groups(case):
    check(*case)


def plan2d(stride=1, padding=0, groups=1):
    return Convolution("output", (stride, stride), ((padding, padding),) * 2, (1, 1), groups)


@pytest.mark.parametrize(
    "x_shape, w_shape, plan",
    [
        ((3, 64, 40, 40), (70, 64, 3, 3), plan2d(padding=1)),  # several blocks of rows
        ((40, 3, 4, 4), (8, 3, 3, 3), plan2d(padding=1)),  # several images together
        ((2, 8, 17, 17), (8, 1, 3, 3), plan2d(padding=1, groups=8)),  # depthwise
        ((2, 3, 9, 9), (4, 3, 2, 2), plan2d(stride=3)),  # some inputs are in no window
        ((2, 3, 9, 9), (4, 3, 1, 1), plan2d(stride=2, padding=1)),
        ((2, 3, 9, 9), (4, 3, 4, 4), Convolution("output", (2, 2), ((1, -1), (2, -1)), (1, 1), 1)),  # cropped
    ],
)
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 2e-3)])
def test_shapes_that_are_cut_in_different_ways(x_shape, w_shape, plan, dtype, tolerance):
    check(x_shape, w_shape, plan, dtype, tolerance)


def test_operands_of_any_strides():
    plan = plan2d(stride=2, padding=1)
    for kind in ("output", "input", "weight"):
        arrays, shape = operands(kind, (2, 6, 9, 8), (10, 6, 3, 3), plan)
        expected = MEANINGS[kind](*arrays, plan, tuple(shape))
        turned = [flambeau.tensor(a.transpose(3, 1, 0, 2).copy()).permute(2, 1, 3, 0) for a in arrays]
        np.testing.assert_allclose(compute(kind, turned, shape, plan).numpy(), expected, atol=1e-11)
        wide = [flambeau.tensor(np.repeat(a, 2, axis=3))[..., ::2] for a in arrays]
        np.testing.assert_allclose(compute(kind, wide, shape, plan).numpy(), expected, atol=1e-11)


def test_expanded_gradient():
    x = flambeau.ones(2, 3, 6, 6, dtype=flambeau.float64, requires_grad=True)
    weight = flambeau.ones(4, 3, 3, 3, dtype=flambeau.float64, requires_grad=True)
    F.conv2d(x, weight).sum().backward()
    assert weight.grad.eq(32).all()
    assert x.grad.sum().item() == 2 * 4 * 16 * 27


def test_nan_and_infinity_stay_in_their_windows():
    x = np.zeros((1, 1, 6, 6), np.float32)
    x[0, 0, 0, 0], x[0, 0, 5, 5] = np.nan, np.inf
    weight, grad = np.ones((2, 1, 3, 3), np.float32), np.ones((1, 2, 4, 4), np.float32)
    ours, theirs = flambeau.tensor(x), torch.tensor(x)
    expected = torch.nn.functional.conv2d(theirs, torch.tensor(weight)).numpy()
    np.testing.assert_array_equal(F.conv2d(ours, flambeau.tensor(weight)).numpy(), expected)
    expected = torch.nn.grad.conv2d_weight(theirs, (2, 1, 3, 3), torch.tensor(grad)).numpy()
    np.testing.assert_array_equal(compute("weight", [grad, x], (2, 1, 3, 3), plan2d()).numpy(), expected)


def test_same_bits_whatever_the_number_of_threads():
    plan = plan2d(padding=1)
    threads = flambeau.get_num_threads()
    try:
        for kind in ("output", "input", "weight"):
            arrays, shape = operands(kind, (9, 5, 20, 20), (20, 5, 3, 3), plan, "float32")
            results = []
            for number in (1, 2, 3):
                flambeau.set_num_threads(number)
                results.append(compute(kind, arrays, shape, plan).numpy())
            assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])
    finally:
        flambeau.set_num_threads(threads)


def test_other_dtypes_are_left_to_the_reference():
    x, weight = flambeau.ones(1, 1, 3, 3, dtype=flambeau.int64), flambeau.ones(1, 1, 2, 2, dtype=flambeau.int64)
    assert F.conv2d(x, weight).tolist() == [[[[4, 4], [4, 4]]]]


def test_registry_knows_what_it_lowers():
    class Code:
        extra = None

    class Unknown:
        code = Code()

    assert not has_lowering(Unknown())
    assert lower_single(Unknown()) is None
