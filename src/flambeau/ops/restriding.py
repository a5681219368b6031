"""``as_strided``, and copies of what views show (``permute_copy`` and its kind)."""

from __future__ import annotations

import inspect

from ..lazy.spec import dense, span
from ..tensor import Tensor
from . import overrides, splitting, views
from .copying import _contiguous, raw_copy
from .creation import uninitialized
from .operator import operator
from .registry import function
from .reshaping import become, expand, reshape, sizes, squeeze, view_
from .slicing import narrow, select
from .triangular import require_shape
from .views import as_strided


def _require_inside(name: str, x: Tensor, size, stride, start: int) -> None:
    """``RuntimeError`` unless the geometry is sound and lies in the storage."""
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(stride)} for {list(size)}")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"{name}: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if start < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {start}")
    itemsize = x.element_size()
    needed = (start + span(size, stride)) * itemsize
    if 0 not in size and needed > x._storage.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {start}, and itemsize {itemsize} requiring "
            f"a storage size of {needed} are out of bounds for storage of size {x._storage.nbytes}"
        )


@function(method=True, name="as_strided")
def strided_view(input, size, stride, storage_offset=None):
    """View of the storage of ``input`` with any sizes, strides and first element (default: the input's own).

    Raises ``RuntimeError`` where it would leave the storage.
    """
    shape, steps = sizes("as_strided", (size,), "size"), sizes("as_strided", (stride,), "stride")
    start = input.storage_offset() if storage_offset is None else int(storage_offset)
    _require_inside("as_strided", input, shape, steps, start)
    return as_strided(input, shape, steps, start - input.storage_offset())


@function(method=True)
def as_strided_(input, size, stride, storage_offset=None):
    """As ``as_strided``, changing this tensor's own geometry."""
    return become("as_strided_", input, strided_view(input, size, stride, storage_offset))


@operator(
    "as_strided_scatter(Tensor input, Tensor src, int[] size, int[] stride, int? storage_offset=None)", method=True
)
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of ``input`` with ``src`` where ``as_strided`` with these arguments would look."""
    result = uninitialized(dense(tuple(input.shape), input.dtype, input.device))
    raw_copy(result, input)
    _require_inside("as_strided_scatter", result, size, stride, storage_offset or 0)
    place = as_strided(result, size, stride, storage_offset or 0)
    require_shape("as_strided_scatter", place, src)
    raw_copy(place, src)
    return result


@as_strided_scatter.gradient
def _(grad, saved):
    geometry_ = (saved.size, saved.stride, saved.storage_offset or 0)
    kept, read = _contiguous(grad), _contiguous(grad)
    as_strided(kept, *geometry_).zero_()
    return kept, as_strided(read, *geometry_)


# -- copies of views ----------------------------------------------------------------------------------------------------------


def with_out(signature: inspect.Signature) -> inspect.Signature:
    """``signature`` and ``out=None``."""
    kept = list(signature.parameters.values())
    place = len(kept) - (bool(kept) and kept[-1].kind is inspect.Parameter.VAR_KEYWORD)
    kept.insert(place, inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
    return signature.replace(parameters=kept)


def _copied(name: str, viewed):
    """``name_copy``: what the view shows, in memory of its own."""

    def copy(*args, out=None, **kwargs):
        shown = viewed(*args, **kwargs)
        result = _contiguous(shown) if isinstance(shown, Tensor) else tuple([_contiguous(x) for x in shown])
        return result if out is None else overrides.write_out(copy.__name__, result, out)

    copy.__name__ = copy.__qualname__ = f"{name}_copy"
    copy.__signature__ = with_out(inspect.signature(viewed))
    copy.__doc__ = f"As ``{name}``, in memory of its own."
    return function()(copy)


@function(method=True)
def narrow_copy(input, dim: int, start: int, length: int, *, out=None):
    """As ``narrow``, in memory of its own."""
    if dim >= input.ndim > 0:
        raise RuntimeError(f"Expected dim < {input.ndim}, but got dim = {dim}")
    result = _contiguous(narrow(input, dim, start, length))
    return result if out is None else overrides.write_out("narrow_copy", result, out)


def _split_sizes(input, split_size, dim: int = 0):
    return splitting.split(input, split_size, dim)


def _select_index(input, dim, index):
    return select(input, dim, index)


def _expand_sizes(input, size, *, implicit: bool = False):
    return expand(input, size, implicit=implicit)


def _view_sizes(input, size=None, *, dtype=None):
    return reshape(input, size) if dtype is None else view_(input, dtype)


for _name, _viewed in (
    ("alias", lambda input: input),
    ("as_strided", strided_view),
    ("detach", lambda input: input.detach()),
    ("diagonal", views.diagonal),
    ("expand", _expand_sizes),
    ("permute", views.permute),
    ("select", _select_index),
    ("split", _split_sizes),
    ("split_with_sizes", views.split_with_sizes),
    ("squeeze", squeeze),
    ("t", views.t),
    ("transpose", views.transpose),
    ("unbind", views.unbind),
    ("unfold", views.unfold),
    ("unsqueeze", views.unsqueeze),
    ("view", _view_sizes),
    ("view_as_complex", views.view_as_complex),
    ("view_as_real", views.view_as_real),
):
    _copied(_name, _viewed)
