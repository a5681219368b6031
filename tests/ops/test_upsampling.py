"""Resizing, sampling, folding and shuffling of images against PyTorch, with gradients."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
import flambeau.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


def check(name: str, shapes, *arguments, tolerance: float = 1e-11, **options):
    """Value and gradients agree with PyTorch's on random float64 inputs."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    theirs, ours = (
        [torch.tensor(a, requires_grad=True) for a in arrays],
        [flambeau.tensor(a, requires_grad=True) for a in arrays],
    )
    expected, result = getattr(TF, name)(*theirs, *arguments, **options), getattr(F, name)(*ours, *arguments, **options)
    assert tuple(result.shape) == tuple(expected.shape)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), atol=tolerance)
    expected.sin().sum().backward()
    result.sin().sum().backward()
    for t, f in zip(theirs, ours):
        np.testing.assert_allclose(f.grad.numpy(), t.grad.numpy(), atol=tolerance)


SHAPES = {1: (2, 3, 7), 2: (2, 3, 5, 7), 3: (2, 3, 4, 5, 3)}


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_modes_without_weights(n, mode):
    check("interpolate", [SHAPES[n]], size=(9, 3, 8)[:n], mode=mode)
    check("interpolate", [SHAPES[n]], scale_factor=1.7, mode=mode)


@pytest.mark.parametrize("n, mode", [(1, "linear"), (2, "bilinear"), (2, "bicubic"), (3, "trilinear")])
@pytest.mark.parametrize("align_corners", [True, False])
def test_interpolating_modes(n, mode, align_corners):
    check("interpolate", [SHAPES[n]], size=(9, 3, 8)[:n], mode=mode, align_corners=align_corners)
    check("interpolate", [SHAPES[n]], scale_factor=1.7, mode=mode, align_corners=align_corners)
    check(
        "interpolate",
        [SHAPES[n]],
        scale_factor=1.7,
        mode=mode,
        align_corners=align_corners,
        recompute_scale_factor=True,
    )


def test_bytes_are_resized_as_pytorch_rounds():
    array = np.random.default_rng(0).integers(0, 256, (1, 3, 9, 11)).astype(np.uint8)
    for mode in ("nearest", "bilinear"):
        expected = TF.interpolate(torch.tensor(array), size=(6, 15), mode=mode)
        assert F.interpolate(flambeau.tensor(array), size=(6, 15), mode=mode).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "options, error",
    [
        ({}, ValueError),
        ({"size": 2, "scale_factor": 2}, ValueError),
        ({"size": (2, 2, 2)}, ValueError),
        ({"size": 2, "mode": "linear"}, NotImplementedError),
        ({"size": 2, "mode": "other"}, NotImplementedError),
        ({"size": 2, "align_corners": True}, ValueError),
        ({"size": 0}, RuntimeError),
    ],
)
def test_interpolate_refuses_what_pytorch_refuses(options, error):
    for module, functional in ((torch, TF), (flambeau, F)):
        with pytest.raises(error):
            functional.interpolate(module.ones(1, 1, 4, 4), **options)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_grid_sample(mode, padding_mode, align_corners):
    check(
        "grid_sample",
        [(2, 3, 5, 6), (2, 4, 3, 2)],
        mode=mode,
        padding_mode=padding_mode,
        align_corners=align_corners,
        tolerance=1e-9,
    )


def test_grid_sample_of_volumes():
    check("grid_sample", [(2, 3, 4, 5, 6), (2, 3, 2, 2, 3)], align_corners=False)


@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 3, 1, 5), (2, 3, 4, 2, 3)])
@pytest.mark.parametrize("align_corners", [True, False])
def test_affine_grid(size, align_corners):
    n = len(size) - 2
    check("affine_grid", [(2, n, n + 1)], size, align_corners=align_corners)


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2}, {"padding": 1}, {"dilation": 2}, {"stride": (1, 2), "padding": (2, 1)}]
)
def test_unfold_and_fold(options):
    check("unfold", [(2, 3, 6, 7)], (3, 2), **options)
    columns = TF.unfold(torch.ones(2, 3, 6, 7), (3, 2), **options)
    check("fold", [tuple(columns.shape)], (6, 7), (3, 2), **options)


def test_shuffles_and_their_inverses():
    check("pixel_shuffle", [(2, 8, 3, 4)], 2)
    check("pixel_unshuffle", [(2, 2, 6, 4)], 2)
    check("channel_shuffle", [(2, 6, 3, 4)], 3)
    x = flambeau.arange(2 * 8 * 3 * 4).reshape(2, 8, 3, 4)
    assert (F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2) == x).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda m, f: f.pixel_shuffle(m.ones(1, 3, 2, 2), 2),
        lambda m, f: f.pixel_unshuffle(m.ones(1, 1, 3, 4), 2),
        lambda m, f: f.channel_shuffle(m.ones(1, 4, 2, 2), 3),
        lambda m, f: f.unfold(m.ones(1, 1, 4, 4), 5),
        lambda m, f: f.fold(m.ones(1, 4, 4), (4, 4), 2),
        lambda m, f: f.grid_sample(m.ones(1, 1, 4, 4), m.ones(1, 2, 2, 3)),
    ],
)
def test_shapes_that_do_not_fit(call):
    for module, functional in ((torch, TF), (flambeau, F)):
        with pytest.raises(RuntimeError):
            call(module, functional)


@pytest.mark.parametrize("sizes", [3, (3, 3), [3, 3]], ids=str)
def test_windows_given_in_any_form(sizes):
    expected = None
    for lib in (torch, flambeau):
        image = lib.arange(72.0).reshape(1, 2, 6, 6).requires_grad_()
        columns = lib.nn.functional.unfold(image, sizes)
        found = columns.detach().numpy()
        back = lib.nn.functional.fold(columns, (6, 6), sizes)
        assert (columns.grad_fn.name(), back.grad_fn.name()) == ("Im2ColBackward0", "Col2ImBackward0")
        expected = (found, back.detach().numpy()) if lib is torch else expected
    assert np.array_equal(expected[0], found) and np.array_equal(expected[1], back.detach().numpy())


ANTIALIASED = pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])


@ANTIALIASED
@pytest.mark.parametrize("size", [(3, 4), (9, 3), (11, 13), (1, 2), (6, 5)])
def test_antialias(mode, size):
    check("interpolate", [(2, 3, 6, 8)], size=size, mode=mode, antialias=True)
    factors = (size[0] / 5.7, size[1] / 7.7)
    check("interpolate", [(2, 3, 6, 8)], scale_factor=factors, mode=mode, antialias=True, recompute_scale_factor=True)
    if mode != "lanczos":
        check("interpolate", [(2, 3, 6, 8)], size=size, mode=mode, antialias=True, align_corners=True)


@ANTIALIASED
def test_antialias_rounds_bytes_as_pytorch(mode):
    array = np.random.default_rng(0).integers(0, 256, (2, 3, 17, 23)).astype(np.uint8)
    for factor in (0.21, (1.03, 0.4), (2.5, 0.7)):
        options = {"scale_factor": factor, "mode": mode, "antialias": True}
        expected = TF.interpolate(torch.tensor(array), **options)
        np.testing.assert_array_equal(F.interpolate(flambeau.tensor(array), **options).numpy(), expected.numpy())


@ANTIALIASED
def test_antialias_reads_only_what_the_kernel_reaches(mode):
    array = np.zeros((1, 1, 6, 6), np.float32)
    array[0, 0, 2, 3], array[0, 0, 5, 5] = np.inf, np.nan
    for size in (2, 3, 4, 9):
        expected = TF.interpolate(torch.tensor(array), size, mode=mode, antialias=True).isfinite()
        found = F.interpolate(flambeau.tensor(array), size, mode=mode, antialias=True).isfinite()
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 1, 4, 4), {"mode": "nearest", "antialias": True}),
        ((1, 4, 4), {"mode": "linear", "antialias": True}),
        ((1, 4, 4), {"mode": "lanczos"}),
        ((1, 1, 4, 4), {"mode": "lanczos"}),
        ((1, 1, 4, 4), {"mode": "lanczos", "antialias": True, "align_corners": True}),
        ((0, 0, 4, 4), {"mode": "bilinear", "antialias": True}),
    ],
)
def test_antialias_errors(shape, options):
    size = (2,) * (len(shape) - 2)
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        TF.interpolate(torch.ones(shape), size, **options)
    with pytest.raises(type(theirs.value)):
        F.interpolate(flambeau.ones(*shape), size, **options)


def test_antialias_refuses_half_precision_as_pytorch():
    with pytest.raises(NotImplementedError, match="compute_index_ranges_weights.*Half"):
        F.interpolate(flambeau.ones(1, 1, 4, 4).half(), 2, mode="bilinear", antialias=True)


@pytest.mark.parametrize("kernel, stride, padding, dilation", [(3, 1, 0, 1), ((2, 3), (2, 1), (1, 0), 1), (3, 2, 1, 2), (1, 1, 0, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fold_by_a_kernel(kernel, stride, padding, dilation, dtype):
    image = np.random.default_rng(0).standard_normal((2, 3, 12, 45))
    for _ in range(2):  # what comes again is compiled
        found = []
        for library, functions in ((flambeau, flambeau.nn.functional), (torch, torch.nn.functional)):
            x = library.tensor(image).to(getattr(library, dtype)).requires_grad_()
            columns = functions.unfold(x, kernel, dilation, padding, stride)
            result = functions.fold(columns * columns, (12, 45), kernel, dilation, padding, stride)
            result.sum().backward()
            found.append((result.detach().numpy(), x.grad.numpy()))
        for ours, theirs in zip(*found):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_an_image_without_channels_is_told_by_its_sizes():
    for m in (flambeau, torch):
        with pytest.raises(ValueError, match="same number of spatial dimensions"):
            m.nn.functional.interpolate(m.ones(5, 5), size=(3, 3))
        with pytest.raises(NotImplementedError, match="Only 3D, 4D and 5D"):
            m.nn.functional.interpolate(m.ones(5, 5), scale_factor=2)
