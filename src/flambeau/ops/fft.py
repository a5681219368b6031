"""``torch.fft``: Fourier transforms of complex, real and Hermitian tensors over one dimension, two or many.

Conventions are those of ``numpy.fft``. Integers and bools are transformed as the default dtype; float16 and
bfloat16 are refused, as PyTorch does on CPU. A length ``n`` (or lengths ``s``) other than the input's cuts it
or fills it up with zeros.
"""

from __future__ import annotations

import math

from ..dtypes import complex32, get_default_dtype
from ..tensor import Tensor, wrap_dim
from . import overrides
from .complex_numbers import conj
from .creation import check_size
from .fft_transforms import OPPOSITE, complex_transform, hermitian_transform, real_transform
from .operator import operator
from .padding import constant_pad_nd
from .rearranging import roll
from .registry import function
from .selection import where
from .sequences import arange
from .slicing import slice_

# -- arguments -----------------------------------------------------------------------------------------------


def _floating(x: Tensor) -> Tensor:
    """``x`` in a dtype that can be transformed."""
    if x.dtype.category < 2:
        return x.to(get_default_dtype())
    if x.dtype.itemsize < 4 or x.dtype is complex32:
        raise RuntimeError(f"Unsupported dtype {overrides._scalar_name(x.dtype)}")
    return x


def _complex(x: Tensor) -> Tensor:
    x = _floating(x)
    return x if x.is_complex() else x.to(x.dtype.to_complex())


def _real(name: str, x: Tensor) -> Tensor:
    if x.is_complex():
        raise RuntimeError(f"{name} expects a real input tensor, but got {overrides._scalar_name(x.dtype)}")
    return _floating(x)


def _normalization(norm: str | None) -> str:
    norm = "backward" if norm is None else norm
    if norm not in OPPOSITE:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return norm


def _one_dim(x: Tensor, dim: int) -> int:
    if not x.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, x.ndim)


def _dims_and_lengths(name: str, x: Tensor, s, dim) -> tuple[tuple[int, ...], list[int]]:
    """The dimensions to transform and their lengths; -1 in ``s`` leaves a length as it is."""
    if dim is not None:
        dims = tuple([_one_dim(x, d) for d in dim])
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length, but got "
                               f"{len(dims)} dims and {len(s)} lengths in {name}")
    elif s is not None and len(s) > x.ndim:
        raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {x.ndim} dimensions.")
    else:
        dims = tuple(range(x.ndim - (x.ndim if s is None else len(s)), x.ndim))
    lengths = [x.shape[d] for d in dims]
    return dims, lengths if s is None else [old if n == -1 else n for n, old in zip(s, lengths)]


def _some_dims(name: str, x: Tensor, s, dim) -> tuple[tuple[int, ...], list[int]]:
    dims, lengths = _dims_and_lengths(name, x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    return dims, lengths


def _fitted(x: Tensor, dims, lengths) -> Tensor:
    """``x`` cut, or filled up with zeros, to the lengths."""
    for n in lengths:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    amounts = [0] * (2 * x.ndim)
    for d, n in zip(dims, lengths):
        if n < x.shape[d]:
            x = slice_(x, d, 0, n)
        amounts[2 * (x.ndim - 1 - d) + 1] = n - x.shape[d]
    return constant_pad_nd(x, tuple(amounts)) if any(amounts) else x


def _fitted_half(x: Tensor, dims, lengths) -> Tensor:
    """As ``_fitted``, for the first half of a Hermitian tensor whose whole has these lengths."""
    if lengths[-1] < 1:
        raise RuntimeError(f"Invalid number of data points ({lengths[-1]}) specified")
    return _fitted(x, dims, [*lengths[:-1], lengths[-1] // 2 + 1])


# -- complex transforms --------------------------------------------------------------------------------------


def _any_transform(x: Tensor, dims, norm: str, forward: bool) -> Tensor:
    """The transform of a real or complex tensor; of a real one in half the work."""
    if x.is_complex():
        return complex_transform(x, dims, norm, forward)
    if forward:
        return real_transform(x, dims, norm, False)
    return conj(real_transform(x, dims, OPPOSITE[norm], False))


def _along_one(input: Tensor, n, dim: int, norm, forward: bool) -> Tensor:
    x, norm = _floating(input), _normalization(norm)
    d = _one_dim(x, dim)
    return _any_transform(_fitted(x, (d,), [x.shape[d] if n is None else n]), (d,), norm, forward)


@operator("fft(Tensor input, int? n=None, int dim=-1, str? norm=None)", namespace="fft", out=True)
def fft(input, n=None, dim=-1, norm=None):
    """The discrete Fourier transform along ``dim``: ``X[k] = sum_j x[j] exp(-2 pi i j k / n)``.

    ``norm``: "backward" (default) leaves the sum as is, "forward" divides it by ``n``, "ortho" by its root.
    """
    return _along_one(input, n, dim, norm, True)


@operator("ifft(Tensor input, int? n=None, int dim=-1, str? norm=None)", namespace="fft", out=True)
def ifft(input, n=None, dim=-1, norm=None):
    """The inverse of ``fft`` of the same ``norm``."""
    return _along_one(input, n, dim, norm, False)


def _along_many(name: str, input: Tensor, s, dim, norm, forward: bool) -> Tensor:
    x, norm = _complex(input), _normalization(norm)
    dims, lengths = _dims_and_lengths(name, x, s, dim)
    x = _fitted(x, dims, lengths)
    return complex_transform(x, dims, norm, forward) if dims else x.clone()


@operator("fftn(Tensor input, int[]? s=None, int[]? dim=None, str? norm=None)", namespace="fft", out=True)
def fftn(input, s=None, dim=None, norm=None):
    """``fft`` along each of the dimensions ``dim`` (all, or the last ``len(s)``), at lengths ``s``."""
    return _along_many("fftn", input, s, dim, norm, True)


@operator("ifftn(Tensor input, int[]? s=None, int[]? dim=None, str? norm=None)", namespace="fft", out=True)
def ifftn(input, s=None, dim=None, norm=None):
    """The inverse of ``fftn`` of the same ``norm``."""
    return _along_many("ifftn", input, s, dim, norm, False)


# -- transforms of real tensors ------------------------------------------------------------------------------


@operator("rfft(Tensor input, int? n=None, int dim=-1, str? norm=None)", namespace="fft", out=True)
def rfft(input, n=None, dim=-1, norm=None):
    """The first ``n // 2 + 1`` elements of ``fft`` of a real tensor: the others are conjugates of these."""
    return _real_along_one("rfft", input, n, dim, _normalization(norm))


def _real_along_one(name: str, input: Tensor, n, dim: int, norm: str) -> Tensor:
    x = _real(name, input)
    d = _one_dim(x, dim)
    return real_transform(_fitted(x, (d,), [x.shape[d] if n is None else n]), (d,), norm, True)


@operator("ihfft(Tensor input, int? n=None, int dim=-1, str? norm=None)", namespace="fft", out=True)
def ihfft(input, n=None, dim=-1, norm=None):
    """The first ``n // 2 + 1`` elements of ``ifft`` of a real tensor; the inverse of ``hfft``."""
    return conj(_real_along_one("ihfft", input, n, dim, OPPOSITE[_normalization(norm)]))


def _real_along_many(name: str, input: Tensor, s, dim, norm: str) -> Tensor:
    x = _real(name, input)
    dims, lengths = _some_dims(name, x, s, dim)
    return real_transform(_fitted(x, dims, lengths), dims, norm, True)


@operator("rfftn(Tensor input, int[]? s=None, int[]? dim=None, str? norm=None)", namespace="fft", out=True)
def rfftn(input, s=None, dim=None, norm=None):
    """``fftn`` of a real tensor; of the last dimension the first half only."""
    return _real_along_many("rfftn", input, s, dim, _normalization(norm))


@operator("ihfftn(Tensor input, int[]? s=None, int[]? dim=None, str? norm=None)", namespace="fft", out=True)
def ihfftn(input, s=None, dim=None, norm=None):
    """``ifftn`` of a real tensor; of the last dimension the first half only. The inverse of ``hfftn``."""
    return conj(_real_along_many("ihfftn", input, s, dim, OPPOSITE[_normalization(norm)]))


# -- transforms to real tensors ------------------------------------------------------------------------------


def _hermitian_along_one(x: Tensor, n, dim: int, norm: str) -> Tensor:
    d = _one_dim(x, dim)
    n = 2 * (x.shape[d] - 1) if n is None else n
    return hermitian_transform(_fitted_half(x, (d,), [n]), (d,), norm, n)


@operator("irfft(Tensor input, int? n=None, int dim=-1, str? norm=None)", namespace="fft", out=True)
def irfft(input, n=None, dim=-1, norm=None):
    """The inverse of ``rfft``: real, with ``n`` points along ``dim``; ``n`` is even unless given."""
    return _hermitian_along_one(_complex(input), n, dim, _normalization(norm))


@operator("hfft(Tensor input, int? n=None, int dim=-1, str? norm=None)", namespace="fft", out=True)
def hfft(input, n=None, dim=-1, norm=None):
    """``fft`` of a Hermitian signal, given by its first half: real, with ``n`` points along ``dim``."""
    return _hermitian_along_one(conj(_complex(input)), n, dim, OPPOSITE[_normalization(norm)])


def _hermitian_along_many(name: str, x: Tensor, s, dim, norm: str) -> Tensor:
    dims, lengths = _some_dims(name, x, s, dim)
    if s is None or s[-1] == -1:
        lengths[-1] = 2 * (x.shape[dims[-1]] - 1)
    return hermitian_transform(_fitted_half(x, dims, lengths), dims, norm, lengths[-1])


@operator("irfftn(Tensor input, int[]? s=None, int[]? dim=None, str? norm=None)", namespace="fft", out=True)
def irfftn(input, s=None, dim=None, norm=None):
    """The inverse of ``rfftn``: real; the last length is even unless given in ``s``."""
    return _hermitian_along_many("irfftn", _complex(input), s, dim, _normalization(norm))


@operator("hfftn(Tensor input, int[]? s=None, int[]? dim=None, str? norm=None)", namespace="fft", out=True)
def hfftn(input, s=None, dim=None, norm=None):
    """``fftn`` of a signal that is Hermitian in its last dimension, given by its first half: real."""
    return _hermitian_along_many("hfftn", conj(_complex(input)), s, dim, OPPOSITE[_normalization(norm)])


# -- two dimensions ------------------------------------------------------------------------------------------


def _in_two_dimensions(many) -> None:
    name = many.__name__[:-1] + "2"

    def transform(input, s=None, dim=(-2, -1), norm=None, *, out=None):
        return many(input, s, dim, norm, out=out)

    transform.__name__ = name
    transform.__doc__ = f"``{many.__name__}`` over two dimensions, the last ones by default."
    function("fft")(transform)


for _many in (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn):
    _in_two_dimensions(_many)


# -- frequencies and shifts ----------------------------------------------------------------------------------


def _frequencies(name: str, count: int, half: int, n: int, d: float, out, dtype, options) -> Tensor:
    """``0, 1, .., half - 1``, then on from ``half - n`` to ``count`` numbers; each divided by ``n * d``."""
    dtype = dtype or (get_default_dtype() if out is None else out.dtype)
    if dtype.category < 2:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    check_size(name, (n,))
    requires_grad = options.pop("requires_grad")
    k = arange(count, dtype=dtype, **options)
    wrapped = k if half == count else where(k < half, k, k - n)
    found = wrapped * (1.0 / (n * d) if n * d else math.inf)
    return found.requires_grad_(requires_grad) if out is None else overrides.write_out(name, found, out)


def _frequency_function(name: str, count, half, listed: str) -> None:
    def frequencies(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
        options = {"layout": layout, "device": device, "requires_grad": requires_grad}
        return _frequencies(name, count(n), half(n), n, d, out, dtype, options)

    frequencies.__name__ = name
    frequencies.__doc__ = (f"The frequencies of ``{name[:-4]}`` of ``n`` samples at distance ``d``: "
                           f"``{listed} / (n d)``, in the default dtype unless ``dtype`` is given.")
    function("fft")(frequencies)


_frequency_function("fftfreq", lambda n: n, lambda n: (n + 1) // 2, "[0, 1, .., -2, -1]")
_frequency_function("rfftfreq", lambda n: n // 2 + 1, lambda n: n // 2 + 1, "[0, 1, .., n // 2]")


def _shifted(input: Tensor, dim, amount) -> Tensor:
    if isinstance(dim, int):
        dim = (dim,)
    dims = tuple(range(input.ndim)) if dim is None else tuple([wrap_dim(d, input.ndim) for d in dim])
    return roll(input, tuple([amount(input.shape[d]) for d in dims]), dims)


@function("fft")
def fftshift(input, dim=None):
    """``input`` rolled so that the zero frequency is amid the dimensions ``dim`` (default: all)."""
    return _shifted(input, dim, lambda n: n // 2)


@function("fft")
def ifftshift(input, dim=None):
    """The inverse of ``fftshift``."""
    return _shifted(input, dim, lambda n: (n + 1) // 2)
