"""Moving elements: ``copy_``, ``clone``, casts and contiguous copies."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.reference import convert
from ..lazy.spec import dense
from ..lazy.spec import spec as make_spec
from ..lazy.window import record
from ..runtime import devices
from ..tensor import Tensor
from . import overrides
from .elementwise import Map
from .operator import Operator, publish
from .promotion import _dense_memory, broadcast_shapes
from .registry import function

# -- casts and copies as elementwise primitives ----------------------------------------------------------------------


def _infer_cast(op, specs, values):
    (spec,), target = specs, values[1]
    out = make_spec(spec.shape, _kept_strides(spec), target, spec.device)
    compute = target if target.category >= spec.dtype.category or target.is_complex else spec.dtype
    return (out,), Map("identity", _common(spec.dtype, target, compute), target, (("t", 0),))


def _common(source, target, compute):
    return source if source.category > target.category else compute


def _kept_strides(spec):
    if spec.contiguous or _dense_memory(spec):
        return spec.stride if not spec.contiguous else dense(spec.shape, spec.dtype).stride
    from .promotion import elementwise_spec
    return elementwise_spec([spec], spec.shape, spec.dtype).stride


def _reference_cast(code, arrays, numbers):
    source, target = code.inputs[0].dtype, code.outputs[0].dtype
    return (convert(arrays[0], source, target),)


_cast_op = Operator("to(Tensor input, dtype dtype)", infer=_infer_cast, reference=_reference_cast, lowering="identity")
cast = publish(_cast_op, namespace=None).function
_cast_op.node_name = "ToCopyBackward0"


@cast.gradient
def _(grad, saved):
    return grad  # cast back like any gradient


def _infer_contiguous(op, specs, values):
    (spec,) = specs
    return (dense(spec.shape, spec.dtype, spec.device),), Map("identity", spec.dtype, spec.dtype, (("t", 0),))


_contiguous_op = Operator("clone(Tensor input)", infer=_infer_contiguous, reference=_reference_cast, lowering="identity")
_contiguous = publish(_contiguous_op, namespace=None).function


@_contiguous.gradient
def _(grad, saved):
    return grad


def _infer_clone(op, specs, values):
    (spec,) = specs
    out = make_spec(spec.shape, _kept_strides(spec), spec.dtype, spec.device)
    return (out,), Map("identity", spec.dtype, spec.dtype, (("t", 0),))


_clone_op = Operator("clone(Tensor input)", infer=_infer_clone, reference=_reference_cast, lowering="identity")
_clone = publish(_clone_op, namespace=None).function


@_clone.gradient
def _(grad, saved):
    return grad


@function(method=True)
def clone(input, *, memory_format=devices.preserve_format):
    """A copy with its own memory; gradients flow back to ``input``."""
    if memory_format is devices.preserve_format or memory_format is None:
        return _clone(input)
    if not isinstance(memory_format, devices.memory_format):
        raise TypeError(f"clone(): argument 'memory_format' must be torch.memory_format, not {type(memory_format).__name__}")
    return _contiguous(input) if memory_format is devices.contiguous_format else _in_order(input, memory_format)


def _in_order(x, memory_format):
    """A copy whose memory is in channels-last order."""
    order = {devices.channels_last: (0, 2, 3, 1), devices.channels_last_3d: (0, 2, 3, 4, 1)}[memory_format]
    if x.ndim != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format.name} format")
    inverse = [order.index(d) for d in range(len(order))]
    return _contiguous(x.permute(order)).permute(inverse)


@function(None, method=True)
def contiguous(self, memory_format=devices.contiguous_format):
    """The tensor itself when it lies in row-major order, else a copy that does."""
    if self.is_contiguous(memory_format):
        return self
    return _contiguous(self) if memory_format is devices.contiguous_format else _in_order(self, memory_format)


# -- writing into an existing tensor ----------------------------------------------------------------------------------


def _infer_copy(op, specs, values):
    target, source = specs
    if broadcast_shapes(target.shape, source.shape) != tuple(target.shape):
        raise RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape "
                           f"{list(broadcast_shapes(target.shape, source.shape))}")
    return (), Map("identity", _common(source.dtype, target.dtype, target.dtype), target.dtype, (("t", 1),))


def _reference_copy(code, arrays, numbers):
    target, source = code.inputs
    array = arrays[1]
    if source.dtype is not target.dtype:
        array = convert(array, source.dtype, target.dtype)
    elif np.may_share_memory(arrays[0], array):
        array = array.copy()
    arrays[0][...] = array
    return ()


_copy_op = Operator("copy_(Tensor target, Tensor source)", infer=_infer_copy, reference=_reference_copy, lowering="identity", mutates=(0,))


def raw_copy(target: Tensor, source: Tensor) -> Tensor:
    """Write ``source`` (broadcast, cast) into ``target``; autograd is not told."""
    values = (target, source)
    if (source._spec.override or target._spec.override) and overrides.active(values):
        return overrides.offer(raw_copy, values, {})
    rule = _copy_op.find(values)
    if not rule.meta:  # where there is no memory there is nothing to write
        record(rule.code, values)
    return target


@function(None, method=True)
def copy_(self, src, non_blocking: bool = False):
    """Write ``src``, broadcast and cast, into this tensor. Gradients flow to ``src``."""
    from ..autograd.graph import edge_of
    from ..autograd.mode import state
    from .inplace import Overwritten, check_overlap, check_writable, rebase
    if not isinstance(src, Tensor):
        from .creation import tensor
        from .schema import argument
        src = tensor(argument("copy_", "src", "Scalar", src, 0), device=self.device)
    tracked = state.enabled and self.dtype.category >= 2 and (src._spec.requires_grad or self._spec.requires_grad)
    check_writable("copy_", self, tracked)
    if self.device is devices.meta or src.device is devices.meta:
        if src.device is devices.meta and self.device is not devices.meta:
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        broadcast_shapes(self.shape, src.shape)
        return self
    check_overlap("copy_", self, (src,))
    edge = None
    if tracked and src._spec.requires_grad:
        # Broadcasting and casting of the source have their gradients from expand and cast.
        source = cast(src, self.dtype) if src.dtype is not self.dtype else src
        edge = edge_of(source.expand(self.shape) if source.shape != self.shape else _alias(source))
        if self._spec.requires_grad and not self._is_view():
            edge = Overwritten(edge_of(self), edge, self._spec.plain), 0
    raw_copy(self, src)
    if tracked:
        rebase(self, edge)
    return self


def _alias(x):
    return x.permute(tuple(range(x.ndim)))


# -- Tensor.to and its shorthands -----------------------------------------------------------------------------------


@function(None, method=True)
def to(self, *args, dtype=None, device=None, other=None, non_blocking: bool = False, copy: bool = False, memory_format=None):
    """The tensor with another dtype or device: ``to(dtype)``, ``to(device, dtype)`` or ``to(other)``.

    The tensor itself where nothing changes and ``copy`` is False.
    """
    flags = [a for a in args if isinstance(a, bool)]
    if len(flags) > 2:
        raise TypeError("to() received an invalid combination of arguments - got more than non_blocking and copy")
    copy = flags[1] if len(flags) == 2 else copy
    for a in args if other is None else (*args, other):
        a = dtypes.of_python_type(a)
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, (devices.device, str, int)) and not isinstance(a, bool):
            device = a
        elif isinstance(a, bool):
            continue
        elif a is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(a).__name__})")
    dtype = dtypes.of_python_type(dtype)
    result = self
    if device is not None:
        result = _move(result, devices.resolve(device))
    if dtype is not None and dtype is not result.dtype:
        result = cast(result, dtype)
    if memory_format not in (None, devices.preserve_format) and not result.is_contiguous(memory_format):
        return contiguous(result, memory_format)
    return clone(result) if copy and result is self else result


def _move(x, device):
    if device == x.device:
        return x
    if device is devices.meta:
        from .creation import empty_strided
        spec = x._spec  # a parameter that is not materialized yet tells no one else its shape
        return empty_strided(spec.shape, spec.stride, dtype=spec.dtype, device="meta", requires_grad=False)
    raise NotImplementedError("Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
                              "torch.nn.Module.to() when moving module from meta to a different device.")


def _shorthand(name: str, d):
    convert = to.__wrapped__

    def body(self, memory_format=devices.preserve_format):
        return to(self, d, memory_format=memory_format)

    body.__name__ = name
    offering = overrides.dispatching(body)

    def method(self, memory_format=devices.preserve_format):
        if overrides.suspended or self._spec.override:
            return offering(self) if memory_format is devices.preserve_format else offering(self, memory_format=memory_format)
        return convert(self, d, memory_format=memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as ``{d!r}``."
    offering.offered, method.plain = method, offering
    setattr(Tensor, name, method)


SHORTHANDS = {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "long": dtypes.int64,
              "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
              "chalf": dtypes.complex32, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128}  # fmt: skip
for _name, _dtype in SHORTHANDS.items():
    _shorthand(_name, _dtype)
