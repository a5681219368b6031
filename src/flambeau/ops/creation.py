"""Making tensors: from Python and NumPy data, and filled with a value or a range."""

from __future__ import annotations

import functools
import math
from typing import NoReturn

import numpy as np

from .. import dtypes
from ..compiler.graph import Param
from ..compiler.reference import narrow
from ..dtypes import get_default_dtype
from ..lazy.spec import dense
from ..lazy.spec import spec as make_spec
from ..lazy.storage import Storage
from ..lazy.window import TraceError, record
from ..runtime import devices
from ..tensor import Tensor, as_subclass, empty_storage, from_array, make
from . import overrides
from .element_types import elements_dtype
from .elementwise import Map
from .operator import Operator
from .promotion import number_dtype
from .registry import export, function
from .schema import argument, describe, spread

# -- filled tensors ------------------------------------------------------------------------------------------------------


def _infer_full(op, specs, values):
    shape, dtype, device = values[1:]
    return (dense(shape, dtype, device),), Map("identity", dtype, dtype, (("n", 0),))


def _reference_full(code, arrays, numbers):
    spec = code.outputs[0]
    value = numbers[0]
    if spec.dtype.kind == "i" and isinstance(value, int):
        value = value & ((1 << (8 * spec.dtype.itemsize)) - 1)
        return (np.full(spec.shape, value, dtype=f"u{spec.dtype.itemsize}").view(spec.dtype.numpy),)
    return (narrow(np.full(spec.shape, value, dtype=spec.dtype.compute), spec.dtype),)


_full = Operator("full(Scalar value, any shape, any dtype, any device)", infer=_infer_full, reference=_reference_full, lowering="identity")


def filled(shape, value, dtype, device=devices.cpu) -> Tensor:
    """A recorded fill: ``shape`` a tuple of ints."""
    values = (value, shape, dtype, device)
    try:
        rule = _full.others[value.kind if value.__class__ is Param else value.__class__, shape, dtype, device]
    except KeyError:
        rule = _full.find(values)
    if device is devices.meta:
        return empty_storage(rule.spec)
    return make(record(rule.code, (), (value,))[0], rule.spec)


def _infer_empty(op, specs, values):
    return (values[0],), None


_empty = Operator("empty(any spec)", infer=_infer_empty, reference=lambda code, arrays, numbers: (None,), lowering="empty")


def uninitialized(spec) -> Tensor:
    """Memory of this spec whose content nobody set; recorded, so that it may be planned away."""
    if spec.device is devices.meta:
        return empty_storage(spec)
    rule = _empty.find((spec,))
    return make(record(rule.code, ())[0], rule.spec)


_C_NAMES = {"float32": "float", "float64": "double", "float16": "at::Half", "bfloat16": "at::BFloat16"}


@functools.cache
def _range(dtype) -> tuple:
    limits = dtypes.iinfo(dtype) if dtype.category == 1 else dtypes.finfo(dtype)
    return limits.min, limits.max


def written(value, dtype):
    """A number as an element that is assigned: as ``fitting``, but the 16-bit floats take what is too large as infinity."""
    return value if dtype is dtypes.float16 or dtype is dtypes.bfloat16 else fitting(value, dtype)


def fitting(value, dtype):
    """A number as ``dtype`` can hold it; ``RuntimeError`` where it is out of range, or complex for a real dtype."""
    if isinstance(value, np.generic):
        value = value.item()
    if value.__class__ is Param or dtype is dtypes.bool_:
        return value
    fits = True
    if isinstance(value, complex) and not dtype.is_complex:
        fits, value = value.imag == 0, value.real
    if not (fits and _in_range(value, dtype)):
        raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(dtype.name, dtype.name + '_t')} without overflow")
    return int(value) if dtype.category == 1 and isinstance(value, float) and math.isfinite(value) else value


def _in_range(value, dtype) -> bool:
    low, high = _range(dtype)
    if dtype.category == 1:
        return (low if dtype.is_signed or isinstance(value, float) else -high) <= value <= high
    return all([abs(part) <= high for part in (value.real, value.imag) if math.isfinite(part)])


# dtypes that many of Python's numbers do not fit into: each number is looked at, where for others a signature's first one is
NARROW = frozenset([getattr(dtypes, name) for name in ("uint8", "int8", "int16", "int32", "uint16", "uint32", "float16")])


def numbers_fit(*functions, kind=None) -> None:
    """For operators whose number becomes elements of their first tensor: it must be in the range of the tensor's dtype, and
    whole for integers. ``kind(values)`` gives another dtype that it must fit.

    Signatures that do not tell whether a number fits are kept from the quick path, so that only such calls are looked at.
    """
    kind = kind or _first_dtype
    for public in functions:
        op = public.operator
        op.normalized, op.known, op.remember = _fitted(op.normalized, kind), _known_fitting(op.known, kind), _apart(op, op.remember)


def _first_dtype(values):
    return values[0].dtype


def _fitted(normalized, kind_of):
    def with_fitting_numbers(values):
        values = normalized(values)
        kind = kind_of(values)
        if kind.category == 1 and any(v.__class__ is Param and v.kind is float for v in values):
            raise TraceError("a number becomes a whole one")
        return tuple([fitting(v, kind) if v.__class__ in (float, int, complex) else v for v in values])

    return with_fitting_numbers


def _known_fitting(known, kind_of):
    def unless_narrow(values):
        numbers = any(v.__class__ in (int, float) for v in values)
        return None if numbers and isinstance(values[0], Tensor) and kind_of(values) in NARROW else known(values)

    return unless_narrow


def _apart(op: Operator, remember):
    def remember_apart(key, rule):
        if (int in key or float in key) and rule.spec is not None and rule.spec.dtype in NARROW:
            op.others[key] = rule
        else:
            remember(key, rule)

    return remember_apart


def check_size(name: str, size) -> tuple[int, ...]:
    """The sizes of a creation call as a tuple of ints; ``RuntimeError`` for negative ones, ``TypeError`` for others."""
    shape = argument(name, "size", "int[]", size, 0)
    for s in shape:
        if s < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {s}: {list(shape)}")
    return shape


def finish(made: Tensor, requires_grad: bool, pin_memory: bool = False, layout=None) -> Tensor:
    """The options that all creation functions share."""
    if requires_grad.__class__ is not bool and requires_grad is not None:
        raise TypeError(f"argument 'requires_grad' must be bool, not {type(requires_grad).__name__}")
    if pin_memory:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    if layout is not None and layout is not devices.strided:
        raise NotImplementedError(f"flambeau: layout={layout!r} is not supported yet")
    if requires_grad and made.dtype.category < 2:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return made.requires_grad_(True) if requires_grad else made


def _filler(name: str, value):
    def make_filled(*sizes, size=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
        shape = check_size(name, spread(sizes) if size is None else size)
        check_dtype(name, dtype)
        if not value and layout not in (None, devices.strided):
            return _without_entries(shape, dtype, layout, requires_grad)
        made = filled(shape, value, dtype or get_default_dtype(), devices.resolve(device))
        if out is not None:
            return overrides.write_out(name, made if dtype else made.to(out.dtype), out)
        return finish(made, requires_grad, pin_memory, layout)

    make_filled.__name__ = name
    make_filled.__doc__ = f"A tensor of the given sizes full of {value}s, of the default dtype unless ``dtype`` is given."
    public = overrides.dispatching(make_filled)
    export("torch", name, public)
    return public


def _without_entries(shape, dtype, layout, requires_grad: bool) -> Tensor:
    """A sparse tensor of zeros."""
    from .sparse.conversion import without_entries

    return without_entries(shape, dtype or get_default_dtype(), layout).requires_grad_(requires_grad)


zeros = _filler("zeros", 0)
ones = _filler("ones", 1)


@function()
def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor of the given sizes full of ``fill_value``; the dtype is the value's unless given."""
    if isinstance(fill_value, Tensor):
        if fill_value.ndim:
            raise TypeError("full(): argument 'fill_value' (position 2) must be Number, not Tensor")
        fill_value, dtype = fill_value.item(), dtype or fill_value.dtype
    if isinstance(fill_value, np.number):
        fill_value = fill_value.item()
    if isinstance(out, Tensor) and dtype is None:
        dtype = out.dtype
    fill_value = fitting(argument("full", "fill_value", "Scalar", fill_value), dtype or number_dtype(fill_value))
    made = filled(check_size("full", size), fill_value, dtype or number_dtype(fill_value), devices.resolve(device))
    if out is not None:
        return overrides.write_out("full", made, out)
    return finish(made, requires_grad, pin_memory, layout)


@function()
def empty(*sizes, size=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False,
          memory_format=devices.contiguous_format):
    """A tensor of the given sizes with uninitialised elements."""
    shape = check_size("empty", spread(sizes) if size is None else size)
    if layout not in (None, devices.strided):
        return _without_entries(shape, dtype, layout, requires_grad)
    if out is not None:
        return out.resize_(shape)
    made = empty_storage(dense(shape, dtype or get_default_dtype(), devices.resolve(device)))
    if memory_format not in (devices.contiguous_format, None):
        made = made.contiguous(memory_format=memory_format)
    return finish(made, requires_grad, pin_memory, layout)


@function()
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with uninitialised elements at the given strides."""
    shape, stride = tuple(size), tuple(stride)
    if len(shape) != len(stride):
        raise RuntimeError("dimensionality of sizes and strides must match")
    made = empty_storage(make_spec(shape, stride, dtype or get_default_dtype(), devices.resolve(device)))
    return finish(made, requires_grad, pin_memory, layout)


def _like(name: str, maker, has_value: bool = False):
    def check(input, pin_memory, layout):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {describe(input)}")
        finish(input, False, pin_memory, layout)

    def plain(input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
              memory_format=devices.preserve_format):
        check(input, pin_memory, layout)
        return maker(input, dtype=dtype or input.dtype, device=input.device if device is None else device,
                     requires_grad=requires_grad, memory_format=memory_format or devices.preserve_format)

    def valued(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
               memory_format=devices.preserve_format):
        check(input, pin_memory, layout)
        return maker(input, fill_value, dtype=dtype or input.dtype, device=input.device if device is None else device,
                     requires_grad=requires_grad, memory_format=memory_format or devices.preserve_format)

    made = valued if has_value else plain
    made.__name__ = name
    made.__doc__ = f"As ``{name[:-5]}``, of the shape, dtype, device and memory order of ``input`` unless told otherwise."
    public = overrides.dispatching(made)
    export("torch", name, public)
    return public


def _ordered(made: Tensor, like: Tensor, memory_format) -> Tensor:
    """``made`` with its memory in the order of ``like`` (or of ``memory_format``)."""
    if memory_format is devices.preserve_format:
        from .copying import _kept_strides
        stride = _kept_strides(like._spec)
        if stride == made._spec.stride:
            return made
        return make(made._storage, make_spec(tuple(made.shape), stride, made.dtype, made.device), 0)
    return made.contiguous(memory_format=memory_format)


def _full_like(input, fill_value, *, dtype, device, requires_grad, memory_format):
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    value = fitting(value, dtype)
    made = _ordered(filled(tuple(input.shape), value, dtype, devices.resolve(device)), input, memory_format)
    return finish(made, requires_grad)


full_like = _like("full_like", _full_like, has_value=True)
zeros_like = _like("zeros_like", lambda input, **o: _full_like(input, 0, **o))
ones_like = _like("ones_like", lambda input, **o: _full_like(input, 1, **o))


def _empty_like(input, *, dtype, device, requires_grad, memory_format):
    made = uninitialized(dense(tuple(input.shape), dtype, devices.resolve(device)))
    return finish(_ordered(made, input, memory_format), requires_grad)


empty_like = _like("empty_like", _empty_like)

# -- from data ---------------------------------------------------------------------------------------------------------------


def _plain(data):
    """Nested sequences with their tensors turned into numbers: those of one element, or what follows a list."""
    if isinstance(data, Tensor):
        return data.__index__() if data.numel() != 1 and data.dtype.category < 2 else data._number()
    if isinstance(data, (list, tuple)):
        if data and isinstance(data[0], (list, tuple)):
            data = [d.tolist() if isinstance(d, Tensor) else d for d in data]
        return [_plain(d) for d in data]
    return data


def _array_of(data) -> np.ndarray:
    if isinstance(data, np.ndarray):
        return data
    if isinstance(data, np.generic):
        return np.asarray(data)
    try:
        plain = _plain(data)
    except RecursionError:
        raise TypeError("new(): self-referential lists are incompatible") from None
    try:
        return np.array(plain)
    except OverflowError:
        _overflow()
    except ValueError:
        _complain_of_shape(plain, 0)
        raise


def _complain_of_shape(data, dim: int) -> None:
    """Say where nested sequences are uneven."""
    nested = [d for d in data if isinstance(d, list)]
    if nested and not isinstance(data[0], list):
        raise TypeError("'list' object cannot be interpreted as a number: expected numbers beside numbers in the nested sequence")
    for d in data if nested else ():
        if not isinstance(d, list):
            raise TypeError(f"not a sequence: expected one at dim {dim + 1}, got {type(d).__name__}")
        if len(d) != len(data[0]):
            raise ValueError(f"expected sequence of length {len(data[0])} at dim {dim + 1} (got {len(d)})")
    for d in nested:
        _complain_of_shape(d, dim + 1)


def _inferred(data, array: np.ndarray):
    if isinstance(data, (np.ndarray, np.generic)):
        return dtypes.from_numpy_dtype(array.dtype)
    if isinstance(data, (list, tuple)) and (own := elements_dtype(data)) is not None:
        return own
    if not array.size:
        return get_default_dtype()
    kind = array.dtype.kind
    if kind == "b":
        return dtypes.bool_
    if kind in "iu":
        return dtypes.int64 if array.dtype != np.uint64 else _overflow()
    if kind == "f":
        return get_default_dtype()
    if kind == "c":
        return get_default_dtype().to_complex()
    strange = next((type(v).__name__ for v in array.flat if not isinstance(v, (int, float, complex))), None)
    if strange is None:
        _overflow()
    if kind not in "US" and strange != "str":
        raise RuntimeError(f"Could not infer dtype of {strange}")
    if isinstance(data, (list, tuple)) and isinstance(data[0], str):
        raise ValueError("too many dimensions 'str'")
    raise TypeError(f"new(): invalid data type '{'bytes' if kind == 'S' else 'str'}'")


def _overflow() -> NoReturn:
    raise ValueError("Overflow when unpacking long long")


@function(classes=False)
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with a copy of ``data``: numbers, nested sequences, NumPy arrays, tensors.

    Integers become int64, floats the default dtype, unless ``dtype`` is given.
    """
    if isinstance(data, Tensor):
        import warnings
        warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                      "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).", stacklevel=3)
        plain = make(data._storage, data._spec.plain, data._offset) if data._asks else data.detach()
        return finish(plain.clone().to(device=device, dtype=dtype), requires_grad)
    check_dtype("tensor", dtype)
    array = _array_of(data)
    if array.dtype.kind in "USOV" and not (array.dtype == object and array.size and isinstance(array.reshape(-1)[0], int)):
        _inferred(data, array)
    d = dtype or _inferred(data, array)
    where = devices.resolve(device)
    if where is devices.meta:
        return finish(empty_storage(dense(array.shape, d, where)), requires_grad)
    if not isinstance(data, (np.ndarray, np.generic)):
        if d is dtypes.uint64 and array.dtype.kind == "f":  # NumPy's choice for integers beyond int64 among smaller ones
            array = np.array(data, dtype=object)
        _check_elements(array, d)
    made = from_array(_converted(array, d), d)
    return finish(made, requires_grad, pin_memory)


def _check_elements(array: np.ndarray, d) -> None:
    """Python numbers must fit the dtype that was asked for."""
    if array.dtype.kind == "c" and not d.is_complex and d is not dtypes.bool_:
        raise TypeError("must be real number, not complex")
    if d.category == 1 and array.dtype.kind in "iufO" and array.size:
        for extreme in (array.min(), array.max()):
            fitting(extreme.item() if isinstance(extreme, np.generic) else extreme, d)


def check_dtype(name: str, dtype) -> None:
    """``TypeError`` for a ``dtype=`` argument that is no dtype."""
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")


def _converted(array: np.ndarray, d) -> np.ndarray:
    if array.dtype == object:
        array = array.astype(np.uint64 if d is dtypes.uint64 else np.int64) if d.category < 2 else array.astype(np.float64)
    with np.errstate(all="ignore"):
        return narrow(array, d)


@function()
def as_tensor(data, dtype=None, device=None):
    """``data`` as a tensor, sharing memory where it can (tensors and NumPy arrays of the right dtype)."""
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data).to(device=device, dtype=dtype)
    return tensor(data, dtype=dtype, device=device)


@function()
def from_numpy(ndarray):
    """A tensor that shares memory with a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    d = dtypes.from_numpy_dtype(ndarray.dtype)
    if not ndarray.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between byte orders "
                         "is currently not supported.")
    return from_array(ndarray, d, copy=False)


__all__ = ["Storage", "as_subclass", "tensor", "zeros", "ones", "full", "filled", "uninitialized"]
