"""Fourier transforms: their definition, their inverses, their gradients, and agreement with PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as fl

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
ONE_DIM = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
MANY_DIMS = ["fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn"]
REAL_INPUT = ["rfft", "ihfft", "rfftn", "ihfftn"]
NORMS = [None, "backward", "ortho", "forward"]


def sample(name: str, shape, dtype="float64") -> np.ndarray:
    array = RNG.standard_normal(shape)
    if name not in REAL_INPUT:
        array = array + 1j * RNG.standard_normal(shape)
        dtype = {"float64": "complex128", "float32": "complex64"}[dtype]
    return array.astype(dtype)


def both(name: str, array: np.ndarray, *args, **kwargs):
    """The same transform here and there."""
    ours = getattr(fl.fft, name)(fl.from_numpy(array.copy()), *args, **kwargs)
    theirs = getattr(torch.fft, name)(torch.from_numpy(array.copy()), *args, **kwargs)
    return ours, theirs


def same(ours, theirs, **tolerance) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().resolve_conj().numpy(), **tolerance)


def test_fft_is_the_sum_over_turned_samples():
    n = 7
    x = RNG.standard_normal(n) + 1j * RNG.standard_normal(n)
    k = np.arange(n)
    turns = np.exp(-2j * np.pi * np.outer(k, k) / n)
    np.testing.assert_allclose(fl.fft.fft(fl.from_numpy(x)).numpy(), turns @ x, atol=1e-12)
    np.testing.assert_allclose(fl.fft.ifft(fl.from_numpy(x)).numpy(), turns.conj() @ x / n, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE_DIM)
def test_one_dimension_at_any_length(name, norm):
    array = sample(name, (3, 6))
    for n in (None, 1, 4, 5, 9):
        for dim in (-1, 0):
            same(*both(name, array, n, dim, norm), atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MANY_DIMS)
def test_many_dimensions(name, norm):
    array = sample(name, (3, 4, 5))
    for s, dim in [(None, None), (None, (0, 2)), ((2, 6), None), ((5, -1), (-1, 0)), ((7,), (1,))]:
        same(*both(name, array, s, dim, norm), atol=1e-12)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2"])
def test_two_dimensions(name):
    array = sample(name[:-1], (2, 4, 5))
    array = array.real.copy() if name in ("rfft2", "ihfft2") else array
    same(*both(name, array), atol=1e-12)
    same(*both(name, array, (3, 4), (0, 1), "ortho"), atol=1e-12)


@pytest.mark.parametrize("name", ONE_DIM + MANY_DIMS)
def test_single_precision_stays_single(name):
    same(*both(name, sample(name, (4, 6), "float32")), atol=1e-5)


@pytest.mark.parametrize("name", ONE_DIM)
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_integers_are_transformed_as_the_default_dtype(name, dtype):
    same(*both(name, np.array([[1, 0, 3, 1], [0, 1, 1, 0]]).astype(dtype)), atol=1e-5)


def test_real_input_of_complex_transforms():
    for name in ("fft", "ifft", "irfft", "hfft"):
        same(*both(name, RNG.standard_normal((3, 6))), atol=1e-12)


def test_halves_are_refused():
    for name in ONE_DIM + MANY_DIMS:
        for dtype in (fl.float16, fl.bfloat16):
            with pytest.raises(RuntimeError, match="Unsupported dtype"):
                getattr(fl.fft, name)(fl.ones(4, dtype=dtype))


def test_what_is_not_contiguous_and_what_is_empty():
    array = sample("fft", (6, 4)).T[::2]
    same(*both("fft", array), atol=1e-12)
    assert fl.fft.fft(fl.ones(0, 3)).shape == (0, 3)
    assert fl.fft.rfft(fl.ones(0, 3)).shape == (0, 2)
    assert fl.fft.irfft(fl.ones(0, 3)).shape == (0, 4)
    assert fl.fft.fftn(fl.tensor(2.0)).item() == 2 + 0j
    assert np.isnan(fl.fft.fft(fl.tensor([float("nan"), 1.0])).numpy()).all()


@pytest.mark.parametrize("name, inverse", [("fft", "ifft"), ("rfft", "irfft"), ("ihfft", "hfft"), ("fftn", "ifftn"),
                                           ("rfftn", "irfftn"), ("ihfftn", "hfftn")])
def test_inverses(name, inverse):
    array = sample(name, (3, 6))
    for norm in NORMS:
        back = getattr(fl.fft, inverse)(getattr(fl.fft, name)(fl.from_numpy(array.copy()), norm=norm), norm=norm)
        np.testing.assert_allclose(back.numpy(), array, atol=1e-12)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("name", ONE_DIM + MANY_DIMS)
def test_gradients(name, norm):
    array = sample(name, (4, 5))
    for length in (None, 3, 8):
        options = {"s": length and (length,)} if name in MANY_DIMS else {"n": length}
        options["norm"] = norm
        x, y = fl.from_numpy(array.copy()).requires_grad_(), torch.from_numpy(array.copy()).requires_grad_()
        ours, theirs = getattr(fl.fft, name)(x, **options), getattr(torch.fft, name)(y, **options)
        weights = RNG.standard_normal(tuple(theirs.shape))
        weights = weights * (1 - 2j) if theirs.is_complex() else weights
        ours.backward(fl.from_numpy(weights.copy()))
        theirs.backward(torch.from_numpy(weights.copy()))
        same(x.grad, y.grad, atol=1e-12)


def test_second_gradients():
    array = RNG.standard_normal(6)
    results = []
    for lib, x in ((fl, fl.from_numpy(array.copy())), (torch, torch.from_numpy(array.copy()))):
        x.requires_grad_()
        power = (lib.fft.rfft(x).abs() ** 4).sum()
        (first,) = lib.autograd.grad(power, x, create_graph=True)
        (second,) = lib.autograd.grad((first * first).sum(), x)
        results.append(second)
    same(*results, rtol=1e-9)


def test_names_of_nodes():
    x = fl.ones(4, requires_grad=True)
    assert fl.fft.fft(x).grad_fn.name() == "FftR2CBackward0"
    assert fl.fft.irfft(x).grad_fn.name() == "FftC2RBackward0"
    assert fl.fft.fftn(x).grad_fn.name() == "FftC2CBackward0"


def test_out():
    out = fl.empty(0, dtype=fl.complex64)
    assert fl.fft.fft(fl.ones(4), out=out) is out
    assert out.tolist() == [4, 0, 0, 0]
    with pytest.raises(RuntimeError):
        fl.fft.fft(fl.ones(4), out=fl.empty(4))


@pytest.mark.parametrize("call, error", [
    (lambda f, x: f.fft(x, n=0), RuntimeError),
    (lambda f, x: f.fft(x, dim=3), IndexError),
    (lambda f, x: f.fft(x, norm="other"), RuntimeError),
    (lambda f, x: f.fft(x[0, 0]), IndexError),
    (lambda f, x: f.fft(x, n=2.0), TypeError),
    (lambda f, x: f.fft("x"), TypeError),
    (lambda f, x: f.fftn(x, dim=(0, 0)), RuntimeError),
    (lambda f, x: f.fftn(x, s=(1, 2, 3)), RuntimeError),
    (lambda f, x: f.fftn(x, s=(1,), dim=(0, 1)), RuntimeError),
    (lambda f, x: f.rfft(f.fft(x)), RuntimeError),
    (lambda f, x: f.rfft(x[:, :0]), RuntimeError),
    (lambda f, x: f.irfft(x[:, :1]), RuntimeError),
    (lambda f, x: f.rfftn(x, dim=()), RuntimeError),
    (lambda f, x: f.irfftn(x, dim=()), RuntimeError),
    (lambda f, x: f.fft2(x[0]), IndexError),
])  # fmt: skip
def test_errors_are_those_of_pytorch(call, error):
    for lib in (fl, torch):
        with pytest.raises(error):
            call(lib.fft, lib.ones(2, 3))


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
def test_frequencies(name):
    for n in (0, 1, 4, 5):
        for options in ({}, {"d": 0.1}, {"dtype": "float64"}):
            ours = {k: getattr(fl, v) if k == "dtype" else v for k, v in options.items()}
            theirs = {k: getattr(torch, v) if k == "dtype" else v for k, v in options.items()}
            same(getattr(fl.fft, name)(n, **ours), getattr(torch.fft, name)(n, **theirs), rtol=1e-6)
    with pytest.raises(RuntimeError):
        getattr(fl.fft, name)(4, dtype=fl.int64)


def test_shifts_are_each_others_inverse():
    array = RNG.standard_normal((4, 5))
    for dim in (None, 0, (0, 1), -1):
        same(*both("fftshift", array, dim))
        same(*both("ifftshift", array, dim))
        back = fl.fft.ifftshift(fl.fft.fftshift(fl.from_numpy(array), dim), dim)
        np.testing.assert_array_equal(back.numpy(), array)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE_DIM + MANY_DIMS)
def test_many_points(name, norm):
    """Sizes that machine code transforms, contiguous or not."""
    array = sample(name, (72, 130), "float32")
    dims = (-1, 0) if name in ONE_DIM else (None, (1, 0), (0,))
    for dim in dims:
        same(*both(name, array, None, dim, norm), rtol=0, atol=2e-3 if norm != "ortho" else 2e-5)
        same(*both(name, array.T, None, dim, norm), rtol=0, atol=2e-3 if norm != "ortho" else 2e-5)
