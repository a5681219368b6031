"""The Tensor handle: a view of a storage, and its share of the graph.

Operators attach their methods to this class (``ops/``); here is only what needs no operator.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .autograd.graph import Meta, edge_of, let_views_follow, register_of
from .autograd.handles import RemovableHandle
from .compiler.reference import view as _array_view
from .compiler.reference import widen
from .lazy import window as _window
from .lazy.spec import Size, Spec, dense
from .lazy.spec import spec as _spec
from .lazy.storage import Storage, new_storage, thread
from .runtime import devices, memory
from .runtime.warning import warn, warn_once

_new = object.__new__
# How a number of a dtype is read from memory; NumPy reads the others.
_NUMBERS = {
    "bool": ctypes.c_bool, "uint8": ctypes.c_uint8, "int8": ctypes.c_int8, "int16": ctypes.c_int16, "int32": ctypes.c_int32,
    "int64": ctypes.c_int64, "float32": ctypes.c_float, "float64": ctypes.c_double,
}  # fmt: skip
_LOSES_GRAD = (
    "Converting a tensor with requires_grad=True to a scalar may be a mistake: no gradient flows through the number. "
    "Use tensor.detach() or tensor.item() where none is wanted."
)


class Tensor:
    """A multi-dimensional array of one dtype.

    Made by ``flambeau.tensor``, the creation functions and the operators. ``shape``, ``stride()``, ``storage_offset()``
    describe where its elements lie in its storage, which views share.
    """

    __slots__ = ("_storage", "_spec", "_offset", "_autograd", "__dict__", "__weakref__")
    __array_priority__ = 1000
    _asks = True  # whether a subclass's ``__torch_function__`` is asked for attributes too

    if TYPE_CHECKING:
        _storage: Storage
        _spec: Spec
        _offset: int
        _autograd: Any

        # What the operators attach when ``ops/`` is imported.
        def __getattr__(self, name: str) -> Any: ...

        __getitem__: Any
        __setitem__: Any
        __iter__: Any
        __neg__: Any
        __invert__: Any
        __eq__: Any
        __ne__: Any
        __lt__ = __le__ = __gt__ = __ge__ = __and__ = __or__ = __xor__ = cast(Any, None)
        __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = cast(Any, None)
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = cast(Any, None)

    def __new__(cls, *args, **kwargs):
        made = _legacy_constructor(*args, **kwargs)
        return made if cls is Tensor else as_subclass(made, cls)

    def __init__(self, *args, **kwargs):
        pass

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if overrides_functions(cls):
            _prepare_class(cls)

    # -- metadata ------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return self._spec.shape

    def size(self, dim: int | None = None):
        """The shape, or the size of dimension ``dim``."""
        shape = self._spec.shape
        return shape if dim is None else shape[_checked_dim("size", dim, len(shape))]

    def stride(self, dim: int | None = None):
        """Elements between neighbours along each dimension, or along ``dim``."""
        stride = self._spec.stride
        return stride if dim is None else stride[_checked_dim("stride", dim, len(stride))]

    def storage_offset(self) -> int:
        """Elements between the start of the storage and the first element."""
        return self._offset // self._spec.dtype.itemsize

    @property
    def dtype(self):
        """The element type."""
        return self._spec.dtype

    @property
    def device(self):
        """Where the elements are."""
        return self._spec.device

    @property
    def layout(self):
        """``torch.strided``: elements lie at fixed strides."""
        return devices.strided

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._spec.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._spec.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._spec.numel

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._spec.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._spec.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements (those of a view counted once each)."""
        return self._spec.nbytes

    def __len__(self) -> int:
        if not self._spec.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._spec.shape[0]

    def is_contiguous(self, memory_format=devices.contiguous_format) -> bool:
        """Whether elements lie in row-major order (or in that of ``memory_format``) without gaps."""
        if memory_format is devices.contiguous_format:
            return self._spec.contiguous
        if memory_format is devices.preserve_format:
            return True
        if not isinstance(memory_format, devices.memory_format):
            raise TypeError(f"is_contiguous(): argument 'memory_format' must be torch.memory_format, not {type(memory_format).__name__}")
        order = {devices.channels_last: (1, 3, 2, 0), devices.channels_last_3d: (1, 4, 3, 2, 0)}.get(memory_format)
        if order is None or self._spec.ndim != len(order):
            return False
        step = 1
        for d in order:
            if self._spec.shape[d] != 1 and self._spec.stride[d] != step:
                return False
            step *= self._spec.shape[d]
        return True

    def is_floating_point(self) -> bool:
        """Whether the dtype is a real floating-point type."""
        return self._spec.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the dtype is complex."""
        return self._spec.dtype.is_complex

    def is_signed(self) -> bool:
        """Whether the dtype has negative values."""
        return self._spec.dtype.is_signed

    is_cuda = property(lambda self: False)
    is_meta = property(lambda self: self._spec.device.type == "meta")
    is_cpu = property(lambda self: self._spec.device.type == "cpu")
    is_sparse = property(lambda self: False)
    is_sparse_csr = property(lambda self: False)
    is_quantized = property(lambda self: False)
    is_mkldnn = property(lambda self: False)
    is_nested = property(lambda self: False)
    is_xpu = property(lambda self: False)
    is_mps = property(lambda self: False)

    def is_neg(self) -> bool:
        """False: negation is never deferred to the reader."""
        return False

    is_conj = is_neg

    def get_device(self) -> int:
        """-1: the tensor is not on an accelerator."""
        return -1

    def is_shared(self) -> bool:
        """Whether the storage is in memory that forked processes share."""
        return isinstance(self._storage.buffer, memory.SharedBuffer)

    @property
    def _version(self) -> int:
        if self._storage.inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._storage.version

    # -- memory --------------------------------------------------------------------------------------------------

    def _ready(self) -> Storage:
        """The storage, computed."""
        storage = self._storage
        if storage.buffer is None:
            _window.run()
            if storage.failure is not None:
                raise storage.failure
            if storage.buffer is None:
                raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        elif storage.epoch == _window.current.epoch:
            _window.run()  # a pending instruction may still write it
        if _window.flight is not None:
            _window.settle()
        return storage

    def _array(self) -> np.ndarray:
        """The elements as a NumPy array over the same memory (bfloat16 as its bits)."""
        return _array_view(self._ready().buffer, self._spec, self._offset)

    def data_ptr(self) -> int:
        """The address of the first element."""
        if not self._spec.numel or self.is_meta:
            return 0
        return self._ready().buffer.address + self._offset

    def item(self):
        """The value of a one-element tensor as a Python number."""
        if self._spec.numel != 1:
            raise RuntimeError(f"a Tensor with {self._spec.numel} elements cannot be converted to Scalar")
        spec = self._spec
        number = _NUMBERS.get(spec.dtype.name)
        if number is not None:
            storage = self._storage
            if storage.buffer is None or storage.epoch == _window.current.epoch:
                if spec.device is devices.meta:
                    raise RuntimeError("Tensor.item() cannot be called on meta tensors")
                self._ready()
            elif _window.flight is not None:
                _window.settle_value(storage)
            return number.from_address(storage.buffer.address + self._offset).value
        return widen(self._array().reshape(()), spec.dtype).item()

    # -- autograd ------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients with respect to this tensor are computed."""
        return self._spec.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients with respect to this leaf (in place); only floating-point and complex tensors can."""
        value = requires_grad
        if value.__class__ is not bool:
            raise TypeError(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {type(value).__name__}")
        if self._autograd is not None and self._autograd.follows:
            self._autograd.follows = not value  # it may come to ask for gradients itself
            return self
        if value == self._spec.requires_grad:
            return self
        if not value and self._autograd is not None and self._autograd.node is not None:
            raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to use a computed "
                               "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().")
        if value and not (self._spec.dtype.is_floating_point or self._spec.dtype.is_complex):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if self._autograd is None:
            self._autograd = Meta()
        if value and self._storage.inference and not (thread.inference or thread.differentiating):
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._spec = self._spec.with_grad(value)
        if self._autograd.views is not None:
            let_views_follow(self)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was not made by a differentiable operator."""
        return self.grad_fn is None

    @property
    def grad_fn(self):
        """The node that made this tensor, None for leaves."""
        if not self._spec.requires_grad:
            return None
        edge = edge_of(self)
        return None if edge is None or edge[0].__class__ is Meta else edge[0]

    @property
    def output_nr(self) -> int:
        """Which result of ``grad_fn`` this tensor is."""
        edge = edge_of(self)
        return edge[1] if edge else 0

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, None before the first backward. Backward gives none to results, unless ``retain_grad`` asks."""
        meta = self._autograd
        if meta is None:
            return None
        found = meta.grad
        if found is None and meta.node is not None and self._spec.requires_grad and not meta.retains:
            warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed, and backward() does not fill it. "
                "Call .retain_grad() on it before backward() if its gradient is wanted, or look at the leaf that was meant."
            )
        return found

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            self._check_grad(value)
        if self._autograd is None:
            if value is None:
                return
            self._autograd = Meta()
        self._autograd.grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def _check_grad(self, value) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.dtype is not self.dtype:
            raise RuntimeError(f"attempting to assign a gradient with dtype {value.dtype} to a tensor of dtype {self.dtype}")
        if value.shape != self.shape:
            raise RuntimeError(f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size '{list(self.shape)}'. "
                               "Please ensure that the gradient and the tensor are the same size")

    @property
    def _base(self) -> Tensor | None:
        """The tensor that this one is a view of."""
        return self._autograd.base if self._autograd is not None else None

    def _is_view(self) -> bool:
        return self._base is not None

    @property
    def data(self) -> Tensor:
        """The same memory without history; writes to it are not seen by autograd."""
        plain = make(self._storage, self._spec.plain, self._offset)
        return as_subclass(plain, type(self)) if self._spec.override else plain

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._spec.requires_grad and value._spec.dtype.category < 2:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._storage, self._offset = value._storage, value._offset
        self._spec = self._restyle(value._spec)

    def _restyle(self, new: Spec) -> Spec:
        """``new`` with this tensor's own requires_grad and subclass flags."""
        return _spec(new.shape, new.stride, new.dtype, new.device, self._spec.requires_grad, self._spec.override)

    def is_inference(self) -> bool:
        """Whether the tensor was made in inference mode."""
        return self._storage.inference

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad`` was called on a non-leaf."""
        return self._autograd is not None and self._autograd.retains

    def retain_grad(self) -> None:
        """Keep this non-leaf's gradient in ``.grad`` when backward passes it."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node, nr = edge_of(self)
        if node.__class__ is Meta or self._autograd.retains:
            return
        self._autograd.retains = True
        register_of(node, "retained")[nr] = self._autograd

    def register_hook(self, hook) -> RemovableHandle:
        """Call ``hook(grad)`` when this tensor's gradient is computed; what it returns replaces the gradient."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node, nr = edge_of(self)
        if node.__class__ is Meta:
            return RemovableHandle(register_of(node, "hooks"), hook)
        return RemovableHandle(register_of(node, "tensor_hooks").setdefault(nr, {}), hook)

    def register_post_accumulate_grad_hook(self, hook) -> RemovableHandle:
        """Call ``hook(tensor)`` after backward has accumulated into this leaf's ``.grad``."""
        if not self.is_leaf or not self.requires_grad:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        node, _ = edge_of(self)
        return RemovableHandle(register_of(node, "post_hooks"), hook)

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        if self._spec.numel != 1:
            if not self._spec.numel:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __float__(self) -> float:
        if self._spec.requires_grad:
            warn_once(_LOSES_GRAD)
        return float(self._real_number("double"))

    def __int__(self) -> int:
        return int(self._real_number("int64_t"))

    def __complex__(self) -> complex:
        if self._spec.requires_grad:
            warn_once(_LOSES_GRAD)
        return complex(self._number())

    def _real_number(self, kind: str):
        value = self._number()
        if not isinstance(value, complex):
            return value
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
        return value.real

    def _number(self):
        if self._spec.numel != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def __delitem__(self, index) -> None:
        raise TypeError("Tensor does not support deleting items")

    def __index__(self) -> int:
        if self._spec.numel != 1 or self._spec.dtype.category > 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())


def make(storage: Storage, spec: Spec, offset: int = 0) -> Tensor:
    """A plain tensor over ``storage``."""
    tensor = _new(Tensor)
    tensor._storage = storage
    tensor._spec = spec
    tensor._offset = offset
    tensor._autograd = None
    return tensor


def as_subclass(tensor: Tensor, cls: type) -> Tensor:
    """The same memory and history as an instance of ``cls``."""
    made = _new(cls)
    made._storage, made._offset, made._autograd = tensor._storage, tensor._offset, tensor._autograd
    made._spec = styled(tensor._spec, cls)
    return made


def styled(spec: Spec, cls: type) -> Spec:
    """``spec`` with the flag of classes that define their own ``__torch_function__``."""
    override = overrides_functions(cls)
    if override == spec.override:
        return spec
    return _spec(spec.shape, spec.stride, spec.dtype, spec.device, spec.requires_grad, override)


def overrides_functions(cls: type) -> bool:
    """Whether operators on ``cls`` must ask its ``__torch_function__``."""
    found = getattr(cls, "__torch_function__", None)
    return cls is not Tensor and getattr(found, "__func__", found) is not _disabled_torch_function_impl


def _disabled_torch_function_impl(func, types, args=(), kwargs=None):
    """As a class's static ``__torch_function__``: operators treat its instances as plain tensors."""
    previous, modes.disabled = modes.disabled, True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        modes.disabled = previous


class _Modes(threading.local):
    """Who is asked before an operator runs: the modes that are on, and whether subclasses are asked at all."""

    stack: tuple = ()
    disabled = False


modes = _Modes()


def from_array(array: np.ndarray, dtype, *, copy: bool = True) -> Tensor:
    """A tensor with the elements of ``array`` (memory format of ``dtype``); without ``copy`` it shares the memory."""
    if copy:
        made = empty_storage(dense(array.shape, dtype))
        _array_view(made._storage.buffer, made._spec, 0)[...] = array
        return made
    itemsize = dtype.itemsize
    if any(s < 0 for s in array.strides):
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides are "
                         "not currently supported. (You can probably work around this by making a copy of your array with array.copy().)")
    if any(s % itemsize for s in array.strides):
        raise ValueError("given numpy array strides not a multiple of the element byte size. Copy the numpy array to "
                         "reallocate the memory.")
    spec = _spec(tuple(map(int, array.shape)), tuple([s // itemsize for s in array.strides]), dtype, devices.cpu)
    storage = new_storage(memory.wrap(array), spec.span * itemsize)
    storage.external = True
    return make(storage, spec)


def empty_storage(spec: Spec) -> Tensor:
    """A tensor of this spec over fresh, uninitialised memory (none on ``meta``)."""
    nbytes = spec.span * spec.dtype.itemsize
    buffer = None if spec.device is devices.meta else memory.allocate(nbytes)
    return make(new_storage(buffer, nbytes), spec)


def expose(tensor: Tensor) -> np.ndarray:
    """The elements as an array that shares memory; while it lives the storage is not touched late."""
    storage, spec = tensor._ready(), tensor._spec
    seen = storage.external
    if seen is True:
        return _array_view(storage.buffer, spec, tensor._offset)
    owner = seen() if seen is not None else None
    if owner is None:
        owner = memory.Holder()
        storage.external = weakref.ref(owner)
    size = spec.dtype.itemsize
    return storage.buffer.view(spec.dtype.numpy, tuple(spec.shape), tuple([s * size for s in spec.stride]), tensor._offset, owner)


def wrap_dim(dim: int, ndim: int) -> int:
    """``dim`` counted from the front; ``IndexError`` when out of range. A 0-dim tensor counts as one dimension."""
    bound = ndim or 1
    if not -bound <= dim < bound:
        if not -(2**63) <= dim < 2**63:
            raise ValueError(f"Overflow when unpacking long long: {dim}")
        raise IndexError(f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})")
    return dim + bound if dim < 0 else dim


def _checked_dim(name: str, dim, ndim: int) -> int:
    if dim.__class__ is not int:
        if isinstance(dim, (bool, np.bool_)) or not hasattr(dim, "__index__"):
            raise TypeError(f"{name}(): argument 'dim' (position 1) must be int, not {type(dim).__name__}")
        dim = dim.__index__()
    return wrap_dim(dim, ndim)


def _prepare_class(cls: type) -> None:
    """Nothing to do before the operators are there."""


def set_class_preparer(function) -> None:
    """``function(cls)`` is called with each new subclass that may take over operators; set by the operators."""
    global _prepare_class
    _prepare_class = function


_legacy = None


def set_legacy_constructor(function) -> None:
    """``function(*args, **kwargs)`` makes the tensor of ``Tensor(...)``; set by the creation operators."""
    global _legacy
    _legacy = function


def _legacy_constructor(*args, **kwargs) -> Tensor:
    return _legacy(*args, **kwargs)
