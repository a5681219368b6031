"""Convolutions and their transposes against PyTorch, with gradients."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
import flambeau.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


def check(name: str, shapes, **options):
    """Value and gradients of one convolution agree with PyTorch's."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    theirs, ours = (
        [torch.tensor(a, requires_grad=True) for a in arrays],
        [flambeau.tensor(a, requires_grad=True) for a in arrays],
    )
    expected, result = getattr(TF, name)(*theirs, **options), getattr(F, name)(*ours, **options)
    assert tuple(result.shape) == tuple(expected.shape)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), atol=1e-11)
    expected.sin().sum().backward()
    result.sin().sum().backward()
    for t, f in zip(theirs, ours):
        np.testing.assert_allclose(f.grad.numpy(), t.grad.numpy(), atol=1e-10)


OPTIONS = [{}, {"stride": 2}, {"padding": 1}, {"dilation": 2}, {"stride": 2, "padding": 1, "dilation": 2}]


@pytest.mark.parametrize("options", [*OPTIONS, {"padding": "same", "dilation": 3}, {"padding": "valid"}])
@pytest.mark.parametrize("n, bias", [(1, True), (2, True), (2, False), (3, False)])
def test_convolution(n, bias, options):
    sizes = (9, 8, 7)[:n]
    check(f"conv{n}d", [(2, 3, *sizes), (4, 3, *(3, 2, 2)[:n])] + [(4,)] * bias, **options)


@pytest.mark.parametrize(
    "options", [*OPTIONS, {"stride": 3, "output_padding": 2}, {"stride": 2, "padding": 2, "output_padding": 1}]
)
@pytest.mark.parametrize("n, bias", [(1, True), (2, True), (2, False), (3, False)])
def test_transposed_convolution(n, bias, options):
    sizes = (5, 4, 4)[:n]
    check(f"conv_transpose{n}d", [(2, 4, *sizes), (4, 3, *(3, 4, 4)[:n])] + [(3,)] * bias, **options)


def test_groups():
    check("conv2d", [(2, 6, 5, 5), (6, 2, 3, 3), (6,)], groups=3, padding=1)
    check("conv2d", [(2, 6, 5, 5), (12, 1, 3, 3), (12,)], groups=6)  # depthwise
    check("conv_transpose2d", [(2, 6, 3, 3), (6, 2, 3, 3), (6,)], groups=3, stride=2)


def test_one_by_one_kernels_and_different_sizes_of_each_dimension():
    check("conv2d", [(2, 3, 5, 4), (4, 3, 1, 1), (4,)])
    check("conv2d", [(2, 3, 7, 9), (4, 3, 2, 3), (4,)], stride=(1, 2), padding=(2, 1), dilation=(2, 1))


def test_without_a_batch_dimension():
    check("conv2d", [(3, 6, 6), (4, 3, 3, 3), (4,)])
    check("conv_transpose1d", [(4, 5), (4, 3, 3), (3,)])


def test_an_empty_batch():
    result = F.conv2d(flambeau.ones(0, 3, 5, 5), flambeau.ones(4, 3, 3, 3))
    assert tuple(result.shape) == (0, 4, 3, 3)


def test_strided_inputs():
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 3))
    w = np.random.default_rng(1).standard_normal((4, 3, 3, 3))
    expected = TF.conv2d(torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(w).flip(0)[::2])
    result = F.conv2d(flambeau.tensor(x).permute(0, 3, 1, 2), flambeau.tensor(w[::-1][::2].copy()))
    np.testing.assert_allclose(result.numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    "dtype, tolerance", [("float32", 1e-4), ("float16", 5e-3), ("bfloat16", 3e-2), ("complex64", 1e-4), ("int64", 0)]
)
def test_dtypes(dtype, tolerance):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-3, 4, (2, 3, 6, 6)), rng.integers(-3, 4, (4, 3, 3, 3))
    expected = TF.conv2d(*(torch.tensor(a).to(getattr(torch, dtype)) for a in (x, w)))
    result = F.conv2d(*(flambeau.tensor(a).to(getattr(flambeau, dtype)) for a in (x, w)))
    assert result.dtype is getattr(flambeau, dtype)
    np.testing.assert_allclose(np.array(result.tolist()), np.array(expected.tolist()), rtol=tolerance, atol=tolerance)


def test_many_batch_entries_are_done_in_chunks(monkeypatch):
    from flambeau.ops import convolution_kernels

    monkeypatch.setattr(convolution_kernels, "_COLUMN_BYTES", 5000)
    check("conv2d", [(7, 3, 6, 6), (4, 3, 3, 3), (4,)], padding=1)


def test_second_derivatives():
    def second(module, functional, x, w):
        y = functional.conv2d(x, w, padding=1, stride=2).sin().sum()
        first = module.autograd.grad(y, (x, w), create_graph=True)
        return module.autograd.grad(sum((g * g).sum() for g in first), (x, w))

    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((2, 3, 5, 5), (4, 3, 3, 3))]
    expected = second(torch, TF, *[torch.tensor(a, requires_grad=True) for a in arrays])
    result = second(flambeau, F, *[flambeau.tensor(a, requires_grad=True) for a in arrays])
    for a, b in zip(result, expected):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-9)


@pytest.mark.parametrize(
    "shapes, options",
    [
        (((2, 3, 5, 5), (4, 2, 3, 3)), {}),  # channels
        (((2, 3, 2, 2), (4, 3, 3, 3)), {}),  # kernel larger than the input
        (((2, 3, 5, 5), (4, 3, 3, 3), (3,)), {}),  # bias
        (((3, 5), (4, 3, 3, 3)), {}),  # dimensions
        (((2, 3, 5, 5), (4, 3, 3, 3)), {"stride": 0}),
        (((2, 3, 5, 5), (4, 3, 3, 3)), {"padding": -1}),
        (((2, 3, 5, 5), (4, 3, 3, 3)), {"dilation": 0}),
        (((2, 3, 5, 5), (4, 3, 3, 3)), {"stride": (1, 1, 1)}),
        (((2, 3, 5, 5), (4, 3, 3, 3)), {"padding": "same", "stride": 2}),
        (((2, 3, 5, 5), (4, 3, 3, 3)), {"groups": 2}),
    ],
)
def test_what_pytorch_refuses(shapes, options):
    for module, functional in ((torch, TF), (flambeau, F)):
        with pytest.raises(RuntimeError):
            functional.conv2d(*[module.ones(s) for s in shapes], **options)


def test_dtypes_must_agree():
    for module, functional in ((torch, TF), (flambeau, F)):
        with pytest.raises(RuntimeError):
            functional.conv2d(module.ones(1, 1, 3, 3), module.ones(1, 1, 3, 3, dtype=module.float64))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_rounded_once(dtype):
    found = []
    for lib in (torch, flambeau):
        x = lib.linspace(-1, 1, 2 * 4 * 81).reshape(2, 4, 9, 9).to(getattr(lib, dtype)).requires_grad_()
        weight = lib.linspace(-1, 1, 6 * 36).reshape(6, 4, 3, 3).to(getattr(lib, dtype)).requires_grad_()
        y = lib.nn.functional.conv2d(x, weight, padding=1)
        y.sum().backward()
        assert y.dtype is x.grad.dtype is getattr(lib, dtype)
        found.append([t.detach().float().numpy() for t in (y, x.grad, weight.grad)])
    for expected, ours in zip(*found):
        np.testing.assert_allclose(ours, expected, rtol=1e-2, atol=1e-2)


def test_bilinear_results_lie_in_memory_as_they_are_shown():
    assert F.bilinear(flambeau.ones(4, 3), flambeau.ones(4, 2), flambeau.ones(5, 3, 2)).is_contiguous()


@pytest.mark.parametrize("number", [1, np.int64(1), True, 1.0])
def test_kinds_of_numbers(number):
    """A tensor counts as an int, too; what is refused leaves nothing behind."""
    for numbers in ({"stride": number}, {"dilation": (number, 1)}, {"groups": number}):

        def outcome(m):
            x, weight = m.ones(1, 1, 4, 4), m.ones(1, 1, 2, 2)
            try:
                return m.nn.functional.conv2d(x, weight, **numbers).tolist()  # noqa: B023 - used at once
            except TypeError:
                return "refused"

        assert outcome(flambeau) == outcome(torch), numbers
    x, weight = flambeau.ones(1, 3, 4), flambeau.ones(3, 3, 3)
    assert flambeau.nn.functional.conv_transpose1d(x, weight, groups=flambeau.tensor(1)).shape == (1, 3, 6)
