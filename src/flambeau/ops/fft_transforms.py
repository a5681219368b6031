"""The three discrete Fourier transforms that everything in ``torch.fft`` is made of.

Each goes over several dimensions at once and is scaled as ``norm`` says, in NumPy's words: "backward"
divides inverse transforms by the number of points, "forward" the others, "ortho" each by its square root. As
the adjoint of a transform is that of the opposite direction with the same factor, each is the gradient of
another one with ``OPPOSITE[norm]``.
"""

from __future__ import annotations

import math

import numpy as np

from ..lazy.spec import dense
from ..tensor import Tensor
from .numpy_threads import along
from .operator import Operator, publish
from .positions import positions
from .reshaping import reshaped
from .selection import where

OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _resized(spec, dim: int, size: int, dtype):
    shape = list(spec.shape)
    shape[dim] = size
    return dense(tuple(shape), dtype, spec.device)


def _declare(schema: str, node_name: str, infer, meaning) -> Operator:
    """A transform primitive; ``meaning(array, spec of the result, arguments)`` is in NumPy's terms."""

    def reference(code, arrays, numbers):
        (spec,) = code.outputs
        if not spec.numel:
            return (np.empty(spec.shape, spec.dtype.numpy),)
        result = meaning(arrays[0], spec, *code.attrs[1:])
        return (result.astype(spec.dtype.numpy, copy=False),)

    def shape_rule(op, specs, values):
        return (infer(specs[0], *values[1:]),), None

    op = Operator(schema, infer=shape_rule, reference=reference)
    op.node_name = node_name
    return publish(op, namespace=None)


# -- complex to complex --------------------------------------------------------------------------------------


def _kernels():
    """The transforms in machine code; None on the NumPy backend."""
    from ..lazy.run import NUMPY_ONLY

    if NUMPY_ONLY:
        return None
    from ..compiler.targets.cpu import fourier

    return fourier


def _factor(n: int, norm: str, forward: bool) -> float:
    """What a sum of ``n`` points is multiplied by."""
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if forward == (norm == "forward") else 1.0


def _complex_line(array, d: int, norm: str, forward: bool):
    """A transform of complex numbers along ``d``."""
    kernels = _kernels()
    found = kernels and kernels.complex_lines(array, d, forward, _factor(array.shape[d], norm, forward))
    if found is not None:
        return found
    transform = np.fft.fft if forward else np.fft.ifft
    return along(lambda part: transform(part, axis=d, norm=norm), array, d)


def _complex_meaning(array, spec, dim, norm, forward):
    for d in reversed(dim):
        array = _complex_line(array, d, norm, forward)
    return array


_complex_transform = _declare("fft_c2c(Tensor input, int[] dim, str norm, bool forward)", "FftC2CBackward0",
                              lambda spec, dim, norm, forward: dense(spec.shape, spec.dtype, spec.device),
                              _complex_meaning).function


def complex_transform(x: Tensor, dim, norm: str, forward: bool) -> Tensor:
    """The transform of a complex tensor over the dimensions ``dim``; the inverse one unless ``forward``."""
    return _complex_transform(x, dim, norm, forward)


@_complex_transform.gradient
def _(grad, saved):
    return complex_transform(grad, saved.dim, OPPOSITE[saved.norm], not saved.forward)


# -- real to complex -----------------------------------------------------------------------------------------


def _real_spec(spec, dim, norm, onesided):
    n = spec.shape[dim[-1]]
    return _resized(spec, dim[-1], n // 2 + 1 if onesided else n, spec.dtype.to_complex())


def _real_meaning(array, spec, dim, norm, onesided):
    return _complex_meaning(_real_line(array, dim[-1], norm, onesided), spec, dim[:-1], norm, True)


def _real_line(array, d: int, norm: str, onesided: bool):
    kernels = _kernels()
    found = kernels and kernels.real_lines(np.moveaxis(array, d, -1), onesided, _factor(array.shape[d], norm, True))
    if found is not None:
        return np.moveaxis(found, -1, d)
    transform = np.fft.rfft if onesided else np.fft.fft
    return along(lambda part: transform(part, axis=d, norm=norm), array, d)


_real_transform = _declare("fft_r2c(Tensor input, int[] dim, str norm, bool onesided)", "FftR2CBackward0",
                           _real_spec, _real_meaning).function


def real_transform(x: Tensor, dim, norm: str, onesided: bool) -> Tensor:
    """The forward transform of a real tensor; ``onesided`` gives the first half of the last dimension only.

    The other half would be the conjugate of the first.
    """
    return _real_transform(x, dim, norm, onesided)


@_real_transform.gradient
def _(grad, saved):
    dim, norm = saved.dim, OPPOSITE[saved.norm]
    if not saved.onesided:
        return complex_transform(grad, dim, norm, False).real
    n = saved.input.shape[dim[-1]]
    return hermitian_transform(_inner_scaled(grad, dim[-1], n, 0.5), dim, norm, n)


# -- complex with Hermitian symmetry to real -----------------------------------------------------------------


def _hermitian_meaning(array, spec, dim, norm, last):
    for d in dim[:-1]:
        array = _complex_line(array, d, norm, False)
    kernels, d = _kernels(), dim[-1]
    found = kernels and kernels.hermitian_lines(np.moveaxis(array, d, -1), last, _factor(last, norm, False))
    if found is not None:
        return np.moveaxis(found, -1, d)
    return along(lambda part: np.fft.irfft(part, last, d, norm), array, d)


def _hermitian_spec(spec, dim, norm, last):
    return _resized(spec, dim[-1], last, spec.dtype.to_real())


_hermitian_transform = _declare("fft_c2r(Tensor input, int[] dim, str norm, int last)", "FftC2RBackward0",
                                _hermitian_spec, _hermitian_meaning).function


def hermitian_transform(x: Tensor, dim, norm: str, last: int) -> Tensor:
    """The inverse transform of the first half of a Hermitian tensor: real, ``last`` points in ``dim[-1]``."""
    return _hermitian_transform(x, dim, norm, last)


@_hermitian_transform.gradient
def _(grad, saved):
    dim = saved.dim
    half = real_transform(grad, dim, OPPOSITE[saved.norm], True)
    return _inner_scaled(half, dim[-1], saved.last, 2.0)


def _inner_scaled(half: Tensor, d: int, n: int, factor: float) -> Tensor:
    """``half`` of a Hermitian spectrum of ``n`` points, scaled where a point has a mirror image."""
    at = positions(half.shape[d])
    at = reshaped(at, tuple([size if k == d else 1 for k, size in enumerate(half.shape)]))
    return where((at >= 1) & (at <= n - half.shape[d]), half * factor, half)
