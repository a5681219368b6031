"""Interned metadata of tensors.

A ``Spec`` is everything about a tensor except its memory: shape, strides, dtype, device and two flags. Equal
specs are the same object, so operators find what they computed for a signature by one dictionary look-up.
"""

from __future__ import annotations

from ..dtypes import dtype
from ..runtime import devices


class Size(tuple):
    """A shape: a tuple of ints that prints as ``torch.Size([...])``."""

    __slots__ = ()

    def __new__(cls, sizes=()):
        return tuple.__new__(cls, [s if isinstance(s, int) else _whole(i, s) for i, s in enumerate(sizes)])

    def numel(self) -> int:
        """The product of the dimensions (1 for a 0-dim shape)."""
        return count(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, key):
        item = tuple.__getitem__(self, key)
        return Size(item) if isinstance(key, slice) else item

    def __add__(self, other):
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, n):
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __reduce__(self):
        return Size, (tuple(self),)


def _whole(position: int, size) -> int:
    """A size that is no plain int; ``TypeError`` unless it stands for one, or says that it is ``symbolic``."""
    if getattr(size, "symbolic", False):
        return size
    try:
        return size.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"torch.Size() takes an iterable of 'int' (item {position} is '{type(size).__name__}')") from None


class Spec:
    """Shape, strides (in elements), dtype and device of a tensor.

    ``requires_grad`` and ``override`` (a subclass with its own ``__torch_function__``) are part of it, so that a
    signature that was seen without them is not mistaken for one with them.
    """

    __slots__ = ("shape", "stride", "dtype", "device", "requires_grad", "override", "ndim", "numel", "nbytes",
                 "contiguous", "span", "plain", "_with_grad")

    def __init__(self, shape, stride, dtype, device, requires_grad, override):
        self.shape = Size(shape)
        self.stride = stride
        self.dtype = dtype
        self.device = device
        self.requires_grad = requires_grad
        self.override = override
        self.ndim = len(shape)
        self.numel = count(shape)
        self.nbytes = self.numel * dtype.numpy.itemsize  # dtypes that are names only refuse here
        self.contiguous = is_contiguous(shape, stride)
        self.span = span(shape, stride)
        self.plain = self
        self._with_grad = None

    def __repr__(self) -> str:
        grad = ", requires_grad" if self.requires_grad else ""
        return f"Spec({list(self.shape)}, {list(self.stride)}, {self.dtype.name}, {self.device}{grad})"

    def with_grad(self, requires_grad: bool) -> Spec:
        """The same spec with this ``requires_grad``."""
        if requires_grad == self.requires_grad:
            return self
        if not requires_grad:
            return spec(self.shape, self.stride, self.dtype, self.device, False, self.override)
        if self._with_grad is None:
            self._with_grad = spec(self.shape, self.stride, self.dtype, self.device, True, self.override)
        return self._with_grad


MAX_SPECS = 1 << 17
_interned: dict[tuple, Spec] = {}


def spec(shape, stride, dtype: dtype, device=devices.cpu, requires_grad: bool = False, override: bool = False) -> Spec:
    """The one Spec with these properties."""
    key = (shape, stride, dtype, device, requires_grad, override)
    found = _interned.get(key)
    if found is None:
        if len(_interned) >= MAX_SPECS:
            clear_caches()
        shape, stride = tuple(shape), tuple(stride)
        found = Spec(shape, stride, dtype, device, requires_grad, override)
        if requires_grad or override:
            found.plain = spec(shape, stride, dtype, device)
        found = _interned.setdefault((shape, stride, dtype, device, requires_grad, override), found)
    return found


_dense: dict[tuple, Spec] = {}


def dense(shape, dtype: dtype, device=devices.cpu) -> Spec:
    """The Spec of a contiguous tensor."""
    found = _dense.get((shape, dtype, device))
    if found is None:
        shape = tuple(shape)
        found = _dense[shape, dtype, device] = spec(shape, contiguous_strides(shape), dtype, device)
    return found


def count(shape) -> int:
    """The number of elements of a shape."""
    n = 1
    for s in shape:
        n *= s
    return n


def contiguous_strides(shape) -> tuple[int, ...]:
    """Row-major strides, with PyTorch's convention that a dimension of size 0 counts as 1."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_contiguous(shape, stride) -> bool:
    """Whether the elements lie in row-major order without gaps."""
    expected = 1
    for size, step in zip(reversed(shape), reversed(stride)):
        if size == 0:
            return True
        if size != 1:
            if step != expected:
                return False
            expected *= size
    return True


def span(shape, stride) -> int:
    """Elements between the first and one past the last that the view reaches."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, stride))


def clear_caches() -> None:
    """Forget every interned spec. Those in use stay valid; signatures that hold them are merely built again."""
    _interned.clear()
    _dense.clear()
