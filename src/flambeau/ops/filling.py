"""Filling tensors: ``fill_``, ``zero_``, and new tensors made after an existing one (``new_zeros`` and its kin)."""

from __future__ import annotations

from ..lazy.spec import Size
from ..lazy.window import record
from ..runtime import devices
from ..tensor import Tensor
from . import creation
from .copying import raw_copy
from .creation import filled, fitting, numbers_fit, written
from .inplace import publish_inplace
from .operator import operator
from .registry import export, function
from .schema import spread
from .storages import TypedStorage, UntypedStorage


@operator("fill(Tensor input, Tensor|Scalar value)", inplace=True)
def fill(input, value):
    """A tensor like ``input`` full of ``value``, a number or a 0-dim tensor."""
    if not isinstance(value, Tensor):
        return filled(tuple(input.shape), fitting(value, input.dtype), input.dtype, input.device)
    if value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return value.to(input.dtype).expand(input.shape).clone(memory_format=devices.contiguous_format)


@fill.gradient
def _(grad, saved):
    nothing = filled(tuple(saved.input.shape), 0, saved.input.dtype)
    return (nothing, grad.sum()) if isinstance(saved.value, Tensor) else nothing


_fill_ = Tensor.fill_
numbers_fit(fill)


@function(None, method=True)
def fill_(input, value):
    """Set every element to ``value``, a number or a 0-dim tensor, in place."""
    return _fill_(input, value if isinstance(value, Tensor) else fitting(value, input.dtype))


export("torch", "fill_", fill_)

_places: dict = {}  # the code that fills a place, by its spec and the number's type
_MAX_PLACES = 4096


def fill_place(place: Tensor, value: bool | int | float) -> None:
    """``fill_`` of a tensor that is there to be written only: autograd is not told."""
    value = written(value, place._spec.dtype)
    key = place._spec, value.__class__
    code = _places.get(key)
    if code is None:
        rule = _fill_.operator.find((place, value))
        if rule.direct:
            raw_copy(place, filled((), value, place.dtype))
            return
        if len(_places) >= _MAX_PLACES:
            _places.clear()
        code = _places[key] = rule.code
    record(code, (place,), (value,))


@operator("zero(Tensor input)", namespace=None)
def zero(input):
    """A tensor like ``input`` full of zeros."""
    return filled(tuple(input.shape), 0, input.dtype, input.device)


@zero.gradient
def _(grad, saved):
    return filled(tuple(saved.input.shape), 0, saved.input.dtype)


publish_inplace(zero.operator, ("zero",), "torch")


# -- new tensors with this one's dtype and device -------------------------------------------------------------------


@function(None, method=True)
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A tensor with a copy of ``data``, of this tensor's dtype and device unless told otherwise."""
    creation.finish(self, False, pin_memory, layout)
    return creation.tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


def _new(name: str, maker, has_value: bool = False) -> None:
    def sized(self, *sizes, size=None, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
        return maker(spread(sizes) if size is None else size, dtype=dtype or self.dtype, device=device or self.device,
                     requires_grad=requires_grad, layout=layout, pin_memory=pin_memory)

    def valued(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
        return maker(size, fill_value, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad,
                     layout=layout, pin_memory=pin_memory)

    body = valued if has_value else sized
    body.__name__ = f"new_{name}"
    body.__doc__ = f"As ``flambeau.{name}``, of this tensor's dtype and device unless told otherwise."
    function(None, method=True)(body)


_new("zeros", creation.zeros)
_new("ones", creation.ones)
_new("empty", creation.empty)
_new("full", creation.full, has_value=True)


@function(None, method=True)
def new_empty_strided(self, size, stride, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """As ``flambeau.empty_strided``, of this tensor's dtype and device unless told otherwise."""
    return creation.empty_strided(size, stride, dtype=dtype or self.dtype, device=device or self.device, layout=layout,
                                  pin_memory=pin_memory, requires_grad=requires_grad)


@function(None, method=True)
def new(self, *args, storage=None, other=None, size=None, device=None):
    """A tensor of this one's dtype from sizes, data, a storage or another tensor (an old form of the ``new_*`` methods).

    Raises TypeError for a tensor of another dtype.
    """
    args = (*args, *[a for a in (storage, other, None if size is None else Size(size)) if a is not None])
    if len(args) == 1 and isinstance(args[0], Tensor) and args[0].dtype is not self.dtype:
        raise TypeError(f"new(): expected a tensor of dtype {self.dtype}, but got {args[0].dtype}")
    if len(args) == 1 and isinstance(args[0], (UntypedStorage, TypedStorage)):
        return creation.empty(0, dtype=self.dtype).set_(args[0])
    if len(args) == 1 and isinstance(args[0], float):
        raise TypeError("new(): data must be a sequence (got float)")
    if len(args) == 1 and isinstance(args[0], Tensor):
        return args[0].detach()
    if len(args) == 1 and isinstance(args[0], (list, tuple)) and not hasattr(args[0], "numel"):
        return creation.tensor(args[0], dtype=self.dtype, device=device or self.device)
    return creation.empty(*(args or (0,)), dtype=self.dtype, device=device or self.device)


export("torch", "fill", fill)
