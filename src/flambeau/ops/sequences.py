"""Ranges and what is made of them: ``arange``, ``linspace``, ``logspace``, ``eye``, ``vander``, windows.

Elements are rounded as PyTorch's CPU kernels round them.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from .. import dtypes
from ..compiler.reference import narrow
from ..dtypes import get_default_dtype
from ..lazy.spec import dense
from ..runtime import devices
from ..runtime.random.rounding import fma32, fma64
from ..tensor import Tensor, empty_storage, from_array
from . import overrides
from .creation import finish
from .partial_dtypes import check_filling
from .registry import documented_as, function

range_ = range  # this file defines PyTorch's
_LANES = {"float32": 8, "float64": 4}  # of the vectors in which PyTorch's arange computes


def _number(name: str, argument: str, value):
    """A range's bound as a Python number."""
    if isinstance(value, (Tensor, np.generic)):
        return value.item()
    if not isinstance(value, (int, float, complex)):
        raise TypeError(f"{name}(): argument '{argument}' must be Number, not {type(value).__name__}")
    return value


def _made(name: str, values, shape, dtype, out, layout, device, pin_memory, requires_grad) -> Tensor:
    """The tensor of ``values()``, or ``out`` with them; on ``meta`` nothing is computed."""
    if name != "eye":
        check_filling(f"{name}_cpu", dtype)
    where = devices.resolve(device) if out is None else out.device
    if where is devices.meta:
        return finish(empty_storage(dense(shape, dtype, where)), requires_grad, pin_memory, layout)
    with np.errstate(all="ignore"):
        made = from_array(narrow(values(), dtype), dtype)
    if out is not None:
        fits = name != "eye" and isinstance(out, Tensor) and out.numel() == made.numel()
        return overrides.write_out(name, made.reshape(out.shape) if fits else made, out)
    return finish(made, requires_grad, pin_memory, layout)


# -- arange -----------------------------------------------------------------------------------------------------------


@function()
def arange(start=None, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """``start, start + step, ...`` below ``end``; ``arange(end)`` starts at 0. int64 where all arguments are integers."""
    if start is None and end is None:
        raise TypeError("arange() missing 1 required positional argument: 'end'")
    if end is None or start is None:
        start, end = 0, start if end is None else end
    start, end, step = _number("arange", "start", start), _number("arange", "end", end), _number("arange", "step", step)
    _check_range(start, end, step)
    whole = not any(isinstance(v, float) for v in (start, end, step))
    if dtype is None:
        dtype = out.dtype if out is not None else dtypes.int64 if whole else get_default_dtype()
    if dtype.is_complex or dtype is dtypes.bool_:
        raise NotImplementedError(f'"arange_cpu" not implemented for \'{dtype.name}\'')
    if dtype is dtypes.int64 and not whole:
        start, end, step, whole = int(start), int(end), int(step), True
        if step == 0:
            raise ValueError("step must be nonzero")
    size = -((start - end) // step) if whole else math.ceil((end - start) / step)
    return _made("arange", lambda: _steps(start, step, size, dtype), (size,), dtype, out, layout, device, pin_memory, requires_grad)


@documented_as("(start, end, step=1, *, out=None, dtype=None, device=None, requires_grad=False, pin_memory=False)")
@function()
def range(start, end, step=1, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """``start, start + step, ...`` up to and with ``end``; an old form of :func:`arange`, of the default dtype."""
    import warnings

    warnings.warn("torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
                  "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).", stacklevel=3)
    start, end, step = _number("range", "start", start), _number("range", "end", end), _number("range", "step", step)
    _check_range(start, end, step)
    dtype = dtype or (out.dtype if out is not None else get_default_dtype())
    size = int((end - start) / step) + 1
    return _made("range", lambda: _steps(start, step, size, dtype), (size,), dtype, out, layout, device, pin_memory, requires_grad)


def _check_range(start, end, step) -> None:
    if any(isinstance(v, float) and not math.isfinite(v) for v in (start, end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _steps(start, step, size: int, dtype) -> np.ndarray:
    """``start + i * step`` as PyTorch rounds it: the first of each vector on its own, the others relative to it."""
    if dtype.category < 2:
        first, step = int(start), int(step)
        if step and max(abs(first), abs(first + size * step)) < 1 << 62:
            return np.arange(first, first + size * step, step, dtype=np.int64)
        return first + np.arange(size, dtype=np.int64) * step
    values = fma64(np.arange(size, dtype=np.float64), float(step), float(start))
    lanes = _LANES.get(dtype.name)
    if lanes is None:
        return values
    whole = size // (2 * lanes) * (2 * lanes)  # two vectors at a time; the rest one by one
    vectors = values[:whole].reshape(-1, lanes)
    first = vectors[:, 0].astype(dtype.numpy).astype(np.float64)
    for lane in range_(1, lanes):
        vectors[:, lane] = _added(first, lane, float(step))
    return values


def _added(first: np.ndarray, count: int, step: float) -> np.ndarray:
    """``first + count * step``, rounded once (but for ties of the second order)."""
    product = count * step
    lost = float(fma64(np.array([count]), step, -product)[0])
    total = first + product
    moved = total - first
    return total + ((first - (total - moved)) + (product - moved) + lost)


# -- linspace, logspace -----------------------------------------------------------------------------------------------


@function()
def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included; of the default dtype unless given."""
    start, end = _number("linspace", "start", start), _number("linspace", "end", end)
    steps, dtype = _check_steps("linspace", start, end, steps, dtype, out)
    return _made("linspace", lambda: _spaced(start, end, steps, dtype), (steps,), dtype, out, layout, device, pin_memory, requires_grad)


@function()
def logspace(start, end, steps, base=10.0, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """``base`` to the powers that :func:`linspace` gives."""
    start, end = _number("logspace", "start", start), _number("logspace", "end", end)
    steps, dtype = _check_steps("logspace", start, end, steps, dtype, out)

    def values():
        whole = dtype.category < 2
        work = dtypes.float64 if whole else dtype
        first, last = (int(start), int(end)) if whole and steps > 1 else (start, end)
        return np.power(np.asarray(base, dtype=work.compute), _spaced(first, last, steps, work)).astype(work.compute)

    return _made("logspace", values, (steps,), dtype, out, layout, device, pin_memory, requires_grad)


def _check_steps(name: str, start, end, steps, dtype, out):
    try:
        steps = operator.index(steps)
    except TypeError:
        raise TypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}") from None
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    if dtype is None:
        default = get_default_dtype()
        dtype = out.dtype if out is not None else default.to_complex() if is_complex else default
    if dtype is dtypes.bool_:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    if is_complex and not dtype.is_complex:
        raise RuntimeError(f"{name}(): inferred dtype complex can't be safely cast to passed dtype {dtype}")
    return steps, dtype


def _spaced(start, end, steps: int, dtype) -> np.ndarray:
    """From both ends towards the middle, each element rounded once."""
    if steps == 1:
        return np.array([start])
    if not steps:
        return np.empty(0)
    half = steps // 2
    if dtype.is_complex:
        i, step = np.arange(steps, dtype=np.float64), (end - start) / (steps - 1)
        return np.where(i < half, start + step * i, end - step * (steps - i - 1))
    work, fused = (np.float32, fma32) if dtype.compute == np.float32 else (np.float64, fma64)
    first, last = float(work(start)), float(work(end))
    step = float((work(end) - work(start)) / work(steps - 1))
    if dtype.category < 2:
        first, last, step = int(start), int(end), (int(end) - int(start)) / (steps - 1)
    values, i = np.empty(steps, dtype=work), np.arange(steps - half).astype(work)
    values[:half] = fused(i[:half], step, first)
    values[half:] = fused(i, -step, last)[::-1]
    return values


# -- eye, vander ------------------------------------------------------------------------------------------------------


@function()
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """An ``n`` by ``m`` (default ``n``) matrix with ones on the diagonal and zeros elsewhere."""
    m = n if m is None else m
    for name, size in (("n", n), ("m", m)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    dtype = dtype or (out.dtype if out is not None else get_default_dtype())
    return _made("eye", lambda: np.eye(n, m, dtype=dtype.compute), (n, m), dtype, out, layout, device, pin_memory, requires_grad)


@function()
def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A 0-dim tensor of the default dtype unless ``dtype`` is given."""
    from .creation import filled, fitting, full

    d = dtype or (get_default_dtype().to_complex() if isinstance(s, complex) else get_default_dtype())
    if isinstance(s, (int, float, complex)):
        return finish(filled((), fitting(s, d), d, devices.resolve(device)), requires_grad, pin_memory, layout)
    return full((), s, dtype=d, layout=layout, device=device, pin_memory=pin_memory, requires_grad=requires_grad)


# -- windows ------------------------------------------------------------------------------------------------------------


def _window(name: str, window_length, dtype, formula, periodic: bool, layout, device, pin_memory, requires_grad) -> Tensor:
    """A window of ``formula(i, length)``; a periodic one is the first part of the symmetric one that is longer by one."""
    dtype = dtype or get_default_dtype()
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if layout not in (None, devices.strided):
        raise RuntimeError(f"{name} is not implemented for sparse types, got: {layout}")
    if window_length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={window_length}")

    def values():
        if window_length <= 1:
            return np.ones(window_length)
        length = window_length + 1 if periodic else window_length
        return formula(np.arange(length, dtype=dtype.compute), length)[:window_length]

    return _made(name, values, (window_length,), dtype, None, None, device, pin_memory, requires_grad)


@function()
def hann_window(window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """``0.5 - 0.5 cos(2 pi i / (n - 1))``."""
    return _window("hann_window", window_length, dtype, lambda i, n: 0.5 - 0.5 * np.cos(i * (2 * math.pi / (n - 1))), periodic,
                   layout, device, pin_memory, requires_grad)


@function()
def hamming_window(window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, layout=None, device=None, pin_memory=False,
                   requires_grad=False):
    """``alpha - beta cos(2 pi i / (n - 1))``."""
    return _window("hamming_window", window_length, dtype, lambda i, n: alpha - beta * np.cos(i * (2 * math.pi / (n - 1))), periodic,
                   layout, device, pin_memory, requires_grad)


@function()
def blackman_window(window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """``0.42 - 0.5 cos(2 pi i / (n - 1)) + 0.08 cos(4 pi i / (n - 1))``."""

    def formula(i, n):
        angle = i * (math.pi / (n - 1))
        return np.cos(angle * 4) * 0.08 - np.cos(angle * 2) * 0.5 + 0.42

    return _window("blackman_window", window_length, dtype, formula, periodic, layout, device, pin_memory, requires_grad)


@function()
def bartlett_window(window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A triangle from 0 up to 1 and down to 0."""

    def formula(i, n):
        rising = i * (2.0 / (n - 1))
        return np.where(i <= (n - 1) // 2, rising, 2 - rising)

    return _window("bartlett_window", window_length, dtype, formula, periodic, layout, device, pin_memory, requires_grad)


@function()
def kaiser_window(window_length, periodic=True, beta=12.0, *, dtype=None, layout=None, device=None, pin_memory=False,
                  requires_grad=False):
    """``I0(beta sqrt(1 - ((i - a) / a)^2)) / I0(beta)`` with ``a = (n - 1) / 2`` and I0 the modified Bessel function."""

    def formula(i, n):
        position = np.asarray(i, dtype=np.float64) * 2 / (n - 1) - 1
        return np.i0(beta * np.sqrt(np.maximum(1 - position**2, 0))) / np.i0(beta)

    return _window("kaiser_window", window_length, dtype, formula, periodic, layout, device, pin_memory, requires_grad)


__all__ = ["arange", "linspace", "logspace", "eye", "scalar_tensor"]
