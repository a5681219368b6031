"""Methods and attributes of tensors beside the operators: old names, kinds of device, layouts of memory."""

from __future__ import annotations

import warnings

import numpy as np

from .. import dtypes
from ..autograd.graph import Meta, edge_of
from ..runtime import devices
from ..tensor import Tensor
from . import overrides
from .creation import finish, from_numpy
from .registry import function
from .slicing import slice_
from .storage_classes import STORAGE_CLASSES, TypedStorage


@function(None, method=True)
def fill_diagonal_(self, fill_value, wrap: bool = False):
    """Set the elements whose indices are all equal to ``fill_value``, in place; ``wrap`` begins again below a tall matrix."""
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    rows, columns = self.shape[:2]
    step = sum(self.stride())
    if not self.numel():
        return self
    self.as_strided((min(self.shape),), (step,), self.storage_offset()).fill_(fill_value)
    start = columns + 1
    while wrap and self.ndim == 2 and start < rows:
        count = min(rows - start, columns)
        self.as_strided((count,), (step,), self.storage_offset() + start * self.stride(0)).fill_(fill_value)
        start += columns + 1
    return self

@function(None, method=True)
def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the outermost in memory to the innermost.

    ``ambiguity_check=True`` raises RuntimeError where more than one order fits; a list of memory formats: unless the tensor has
    just one format, which is in the list.
    """
    if not isinstance(ambiguity_check, (bool, list)) or ambiguity_check == []:
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    formats = [devices.contiguous_format, devices.channels_last, devices.channels_last_3d]
    fitting = [f for f in formats if self.is_contiguous(memory_format=f)]
    allowed = ambiguity_check if isinstance(ambiguity_check, list) else []
    known = len(fitting) == 1 and fitting[0] in allowed
    if ambiguity_check is not False and not known and _has_several_orders(self):
        raise RuntimeError("The tensor does not have unique dim order, or cannot map to exact one of the given memory formats.")
    if formats[0] in fitting:
        return tuple(range(self.ndim))
    return (0, *range(2, self.ndim), 1) if fitting else _by_strides(self)


def _has_several_orders(x: Tensor) -> bool:
    strides = x.stride()
    return len(set(strides)) < x.ndim or 1 in x.shape or (0 in strides and x.ndim > 1) or not x.numel()


def _by_strides(x: Tensor) -> tuple[int, ...]:
    """Dimensions of falling strides. One of stride 0 has no place of its own: it moves only where others move past it."""
    strides, order = x.stride(), list(range(x.ndim))
    for end in range(x.ndim - 2, -1, -1):
        at = end
        for place in range(end + 1, x.ndim):
            outer, inner = strides[order[at]], strides[order[place]]
            if outer == 0 or inner == 0:
                continue
            if outer > inner or outer == inner and x.shape[order[at]] >= x.shape[order[place]]:
                break
            order[at], order[place] = order[place], order[at]
            at = place
    return tuple(order)


@function(None, method=True)
def resize(self, *sizes):
    """A view or a copy of other sizes; an old form of ``reshape``."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=3)
    return self.reshape(*sizes)


@function(None, method=True)
def resize_as(self, tensor):
    """``resize`` to the sizes of ``tensor``."""
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=3)
    return self.reshape(tensor.shape)


@function(None, method=True)
def storage_type(self):
    """The class of storages for the tensor's dtype."""
    return next((cls for cls in STORAGE_CLASSES.values() if cls.dtype is self.dtype), TypedStorage)


@function(None, method=True)
def module_load(self, other, assign: bool = False):
    """What a module's parameter becomes when ``other`` is loaded into it: ``other``, or itself with the values of ``other``."""
    return other.detach() if assign else self.copy_(other).detach()


@function(None, method=True)
def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor itself, in ``dtype``: its layout is dense. ``masked_grad`` concerns sparse layouts alone."""
    return self if dtype is None else self.to(dtype)


@function(None, method=True)
def const_data_ptr(self):
    """``data_ptr`` for reading."""
    return self.data_ptr()


@function()
def slice_copy(input, dim: int = 0, start=None, end=None, step: int = 1, *, out=None):
    """A copy of the elements ``start`` to ``end`` by ``step`` along ``dim``."""
    stop = input.shape[dim] if end is None else end
    result = slice_(input, dim, 0 if start is None else start, stop, step).clone()
    return result if out is None else overrides.write_out("slice_copy", result, out)


@function()
def from_file(filename, shared=None, size: int = 0, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A 1-dim tensor of ``size`` elements over the bytes of a file; with ``shared`` writes reach it (and make it long enough)."""
    d = dtype or dtypes.get_default_dtype()
    if shared:
        with open(filename, "ab") as file:
            file.truncate(max(file.tell(), size * d.itemsize))
    array = np.memmap(filename, np.uint8, "r+" if shared else "c", shape=(size * d.itemsize,)) if size else np.empty(0, np.uint8)
    return finish(from_numpy(array).view(d).to(device=device), requires_grad, pin_memory, layout)


@function()
def cond(pred, true_fn, false_fn, operands=()):
    """``true_fn(*operands)`` where ``pred`` (a bool or a tensor of one) holds, else ``false_fn(*operands)``."""
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(pred, (bool, Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    return true_fn(*operands) if bool(pred) else false_fn(*operands)


@function(None, method=True)
def to_padded_tensor(input, padding, output_size=None):
    """A dense tensor of a nested tensor's components, each filled up with ``padding`` to the largest sizes or to ``output_size``."""
    raise NotImplementedError("Could not run 'aten::to_padded_tensor' with arguments from the 'CPU' backend: expected a nested tensor")


@function()
def get_device_module(device=None):
    """The module of a kind of device: ``flambeau.cpu``."""
    from importlib import import_module

    kind = str(device or "cpu").partition(":")[0]
    if kind not in ("cpu", "cuda", "mps", "xpu"):
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return import_module(f"{__name__.partition('.')[0]}.{kind}")


for _kind in ("ipu", "maia", "mtia", "vulkan", "xla"):
    if not hasattr(Tensor, f"is_{_kind}"):
        setattr(Tensor, f"is_{_kind}", property(lambda self: False, doc="False: the tensor is on the CPU."))


def _hooks_of(self: Tensor):
    """The hooks on the tensor's gradient, None before the first."""
    sink, number = edge_of(self) or (None, 0)
    if sink is None or isinstance(sink, Meta):
        return sink.hooks if sink is not None else None
    return (sink.tensor_hooks or {}).get(number)


# Names by which libraries reach into tensors.
Tensor._grad, Tensor._grad_fn = Tensor.grad, Tensor.grad_fn
Tensor._cdata = property(id, doc="A number that no other tensor has meanwhile.")
Tensor._backward_hooks = property(_hooks_of)
Tensor._post_accumulate_grad_hooks = property(lambda self: None if self._autograd is None else self._autograd.post_hooks)

Tensor.name = property(lambda self: None, doc="None: tensors have no names.")
Tensor.volatile = property(lambda self: False, doc="False, always.")


def _set_grad_dtype(self, value) -> None:
    if value is not self.dtype:
        raise NotImplementedError(f"flambeau: grad_dtype: gradients of another dtype than {self.dtype} are not supported yet")


Tensor.grad_dtype = property(lambda self: self.dtype, _set_grad_dtype, doc="The dtype that the gradient has: the tensor's own.")
