"""Pooling against PyTorch: windows, adaptive regions, positions, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
import flambeau.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


def check(name: str, shape, *arguments, **options):
    """Value, positions (where asked for) and gradient agree with PyTorch's."""
    array = np.random.default_rng(0).standard_normal(shape)
    t, f = torch.tensor(array, requires_grad=True), flambeau.tensor(array, requires_grad=True)
    expected, result = getattr(TF, name)(t, *arguments, **options), getattr(F, name)(f, *arguments, **options)
    if isinstance(expected, tuple):
        assert result[1].tolist() == expected[1].tolist()
        expected, result = expected[0], result[0]
    assert tuple(result.shape) == tuple(expected.shape)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), atol=1e-13)
    expected.sin().sum().backward()
    result.sin().sum().backward()
    np.testing.assert_allclose(f.grad.numpy(), t.grad.numpy(), atol=1e-13)


SHAPES = {1: (2, 3, 9), 2: (2, 3, 9, 8), 3: (2, 3, 7, 8, 6)}


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 1},
        {"stride": 2, "padding": 1},
        {"dilation": 2},
        {"stride": 2, "ceil_mode": True},
        {"return_indices": True},
        {"padding": 1, "return_indices": True, "stride": 1},
    ],
)
def test_max_pool(n, options):
    check(f"max_pool{n}d", SHAPES[n], 3, **options)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 1},
        {"padding": 1},
        {"padding": 1, "count_include_pad": False},
        {"stride": 2, "ceil_mode": True},
        {"stride": 2, "padding": 1, "ceil_mode": True},
    ],
)
def test_avg_pool(n, options):
    check(f"avg_pool{n}d", SHAPES[n], 3, **options)


def test_avg_pool_with_another_divisor():
    check("avg_pool2d", SHAPES[2], (2, 3), divisor_override=5)


@pytest.mark.parametrize("n, sizes", [(1, 4), (2, (1, 1)), (2, (4, 3)), (2, (None, 5)), (2, (12, 2)), (3, (2, 3, 4))])
def test_adaptive_pooling(n, sizes):
    check(f"adaptive_avg_pool{n}d", SHAPES[n], sizes)
    check(f"adaptive_max_pool{n}d", SHAPES[n], sizes, return_indices=True)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_lp_pool(n):
    check(f"lp_pool{n}d", SHAPES[n], 2, 3, stride=2)


def test_windows_of_unequal_sizes_and_no_batch_dimension():
    check("max_pool2d", (3, 9, 8), (2, 3), stride=(3, 1), padding=(1, 0))
    check("avg_pool2d", (3, 9, 8), (2, 3), stride=(3, 1), padding=(1, 0))


def test_nan_is_the_largest_and_minus_infinity_the_smallest():
    array = np.full((1, 1, 4, 4), -np.inf)
    array[0, 0, 1, 1] = np.nan
    expected, result = (m.nn.functional.max_pool2d(m.tensor(array), 2, return_indices=True) for m in (torch, flambeau))
    np.testing.assert_array_equal(result[0].numpy(), expected[0].numpy())
    assert result[1].tolist() == expected[1].tolist()


def test_the_first_of_equal_values_wins():
    assert F.max_pool2d(flambeau.ones(1, 1, 4, 4), 2, return_indices=True)[1].tolist() == [[[[0, 2], [8, 10]]]]


def test_an_empty_batch():
    assert tuple(F.max_pool2d(flambeau.ones(0, 3, 4, 4), 2).shape) == (0, 3, 2, 2)
    assert tuple(F.avg_pool2d(flambeau.ones(0, 3, 4, 4), 2).shape) == (0, 3, 2, 2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int64", "uint8"])
def test_max_pool_of_other_dtypes(dtype):
    array = np.random.default_rng(0).integers(0, 50, (2, 3, 6, 6))
    expected = TF.max_pool2d(torch.tensor(array).to(getattr(torch, dtype)), 2)
    result = F.max_pool2d(flambeau.tensor(array).to(getattr(flambeau, dtype)), 2)
    assert result.dtype is getattr(flambeau, dtype)
    assert result.tolist() == expected.tolist()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_max_unpool_puts_values_back(n):
    array = np.random.default_rng(0).standard_normal(SHAPES[n])
    outputs = []
    for module in (torch, flambeau):
        functional = module.nn.functional
        x = module.tensor(array, requires_grad=True)
        pooled, places = getattr(functional, f"max_pool{n}d")(x, 2, return_indices=True)
        back = getattr(functional, f"max_unpool{n}d")(pooled, places, 2, output_size=SHAPES[n][2:])
        back.sin().sum().backward()
        outputs.append((back.detach().numpy(), x.grad.numpy()))
    for theirs, ours in zip(*outputs):
        np.testing.assert_allclose(ours, theirs, atol=1e-13)


def test_second_derivatives_of_max_pool():
    def second(module):
        x = module.tensor(np.random.default_rng(0).standard_normal((1, 2, 4, 4)), requires_grad=True)
        (first,) = module.autograd.grad(module.nn.functional.max_pool2d(x, 2).sin().sum(), x, create_graph=True)
        return module.autograd.grad((first * first).sum(), x)[0].numpy()

    np.testing.assert_allclose(second(flambeau), second(torch), atol=1e-13)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda m: m.max_pool2d, (RuntimeError, dict(kernel_size=2, padding=2))),
        (lambda m: m.max_pool2d, (RuntimeError, dict(kernel_size=9))),
        (lambda m: m.max_pool2d, (RuntimeError, dict(kernel_size=(2, 2, 2)))),
        (lambda m: m.avg_pool2d, (RuntimeError, dict(kernel_size=2, divisor_override=0))),
        (lambda m: m.avg_pool2d, (RuntimeError, dict(kernel_size=2, padding=2))),
        (lambda m: m.adaptive_avg_pool2d, (RuntimeError, dict(output_size=(2, 2, 2)))),
    ],
)
def test_what_pytorch_refuses(call, error):
    kind, options = error
    for module in (torch, flambeau):
        with pytest.raises(kind if call(TF) is not TF.adaptive_avg_pool2d else (RuntimeError, ValueError)):
            call(module.nn.functional)(module.ones(1, 1, 4, 4), **options)


def test_integers_have_no_means():
    for module in (torch, flambeau):
        with pytest.raises(NotImplementedError):
            module.nn.functional.avg_pool2d(module.ones(1, 1, 4, 4, dtype=module.int32), 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [2, 3])
def test_fractional_windows_for_given_samples(n, dtype):
    rng = np.random.default_rng(0)
    array, samples = rng.standard_normal((3, 4, *(9, 11, 8)[:n])), rng.random((3, 4, n))
    found = []
    for lib in (torch, flambeau):
        x, u = (lib.tensor(a).to(getattr(lib, dtype)) for a in (array, samples))
        x.requires_grad_()
        pool = getattr(lib.nn.functional, f"fractional_max_pool{n}d")
        values, indices = pool(x, 2, output_size=(4, 5, 3)[:n], return_indices=True, _random_samples=u)
        values.sum().backward()
        found.append([values.detach().numpy(), indices.numpy(), x.grad.numpy()])
    for theirs, ours in zip(*found):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("sizes", [(8, 8), (4, 16), (16, 12), (32, 24), (5, 8), (2, 3)])
def test_adaptive_means_of_regions_of_one_size(sizes):
    array = np.random.default_rng(0).standard_normal((2, 3, 32, 24))
    found = []
    for lib in (torch, flambeau):
        x = lib.tensor(array, requires_grad=True)
        means = lib.nn.functional.adaptive_avg_pool2d(x, sizes)
        (means * means).sum().backward()
        found.append((means.detach().numpy(), x.grad.numpy(), means.grad_fn.name()))
    for theirs, ours in zip(*[f[:2] for f in found]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert found[0][2] == found[1][2]


@pytest.mark.parametrize("size", [2, (2, 2), True, 3.0, "2"])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "unfold"])
def test_kinds_of_sizes(name, size):
    def outcome(m):
        try:
            return tuple(getattr(m.nn.functional, name)(m.ones(1, 3, 8, 8), size).shape)
        except TypeError:
            return "refused"

    assert outcome(flambeau) == outcome(torch)
