"""Shapes: ``view``, ``reshape``, ``flatten``, ``expand``, ``squeeze``, ``movedim`` and their in-place forms."""

from __future__ import annotations

import functools
import inspect

from ..autograd.graph import Meta
from ..autograd.mode import state
from ..dtypes import dtype as _dtype
from ..dtypes import of_python_type
from ..lazy.spec import Size, count
from ..lazy.storage import note_write
from ..runtime.warning import warn_once
from ..tensor import Tensor, styled, wrap_dim
from . import promotion
from .copying import _contiguous
from .inplace import check_history
from .registry import export, function
from .schema import argument as checked
from .schema import spread
from .view_operator import view
from .views import _expand, _squeeze, _view, infer_size, permute, t, transpose, unsqueeze, view_strides


def sizes(name: str, values, argument: str = "shape") -> tuple[int, ...]:
    """Sizes given as ``f(2, 3)`` or ``f((2, 3))``, as a tuple of ints; ``TypeError`` for anything else."""
    return checked(name, argument, "int[]", spread(values), 0)


# -- view and reshape ---------------------------------------------------------------------------------------------------------


@view("view_dtype(Tensor input, dtype dtype)", method=False, namespace=None)
def _view_dtype(spec, dtype):
    old, new = spec.dtype.itemsize, dtype.itemsize
    if old == new:
        return spec.shape, spec.stride, 0, dtype
    if not spec.ndim:
        raise RuntimeError(f"self.dim() cannot be 0 to view {spec.dtype} as {dtype} (different element sizes)")
    if spec.stride[-1] != 1 and not (old > new and spec.shape[-1] == 1):
        raise RuntimeError(
            f"self.stride(-1) must be 1 to view {spec.dtype} as {dtype} (different element sizes), "
            f"but got {spec.stride[-1]}"
        )
    if old > new:
        ratio = old // new
        return (*spec.shape[:-1], spec.shape[-1] * ratio), (*[s * ratio for s in spec.stride[:-1]], 1), 0, dtype
    ratio = new // old
    if spec.shape[-1] % ratio:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {ratio} to view {spec.dtype} as {dtype} (different element sizes), "
            f"but got {spec.shape[-1]}"
        )
    if any(s % ratio for s in spec.stride[:-1]):
        raise RuntimeError(
            f"self.stride(i) must be divisible by {ratio} to view {spec.dtype} as {dtype} (different element sizes)"
        )
    return (*spec.shape[:-1], spec.shape[-1] // ratio), (*[s // ratio for s in spec.stride[:-1]], 1), 0, dtype


_view_dtype.operator.differentiable = False


@function(None)
def view_(self, *shape, dtype=None, size=None):
    """The same memory under another shape (``x.view(2, -1)``) or dtype (``x.view(torch.int32)``).

    Raises ``RuntimeError`` where elements would have to move; ``reshape`` copies then.
    """
    if size is not None:
        shape = (size,)
    if dtype is None and len(shape) == 1 and isinstance(of_python_type(shape[0]), _dtype):
        dtype = of_python_type(shape[0])
    if dtype is not None:
        if self.storage_offset() * self.element_size() % dtype.itemsize:
            raise RuntimeError(
                f"self.storage_offset() must be divisible to view {self.dtype} as {dtype} (different element sizes), "
                f"but got {self.storage_offset()}"
            )
        return _view_dtype(self, dtype)
    if not shape:
        raise TypeError("view() received an invalid combination of arguments - got (), but expected a shape or a dtype")
    return _view(self, sizes("view", shape))


def quick(name: str, op, general):
    """The method ``name``: views seen before at once, anything else through ``general``."""
    rules, show = op.rules, op.show
    general.__name__ = name

    @functools.wraps(general)
    def method(self, *shape, **options):
        try:
            return show(rules[self._spec, shape], self)
        except (KeyError, TypeError, AttributeError):
            return general(self, *shape, **options)

    method.__name__ = method.__qualname__ = name
    method.plain, general.offered = general, method
    setattr(Tensor, name, method)


quick("view", _view.operator, view_)


@function(None, method=True)
def view_as(self, other):
    """``self.view(other.shape)``."""
    return _view(self, tuple(other.shape))


def reshaped(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A view of ``shape`` where one exists, else a copy."""
    op = _view.operator
    rule = op.rules.get((input._spec, shape))
    if rule is None:
        full = infer_size(shape, input.numel())
        if view_strides(input.shape, input.stride(), full) is None:
            return _without_base(_view(_contiguous(input), shape))
        return _view(input, shape)
    return op.show(rule, input)


def _without_base(view: Tensor) -> Tensor:
    """A view of a tensor that nobody else has is none."""
    if view._spec.override:
        return view
    if view._spec.requires_grad:
        view._autograd.base = None
    else:
        view._autograd = None
    return view


@function()
def reshape(input, shape):
    """The elements of ``input`` in row-major order under ``shape`` (one size may be -1): a view where possible, else a copy."""
    return reshaped(input, sizes("reshape", (shape,)))


@function(None)
def _reshape_method(self, *shape):
    """The elements in row-major order under the given sizes (one may be -1): a view where possible, else a copy."""
    if not shape:
        raise TypeError('reshape() missing 1 required positional arguments: "shape"')
    return reshaped(self, sizes("reshape", shape))


quick("reshape", _view.operator, _reshape_method)


@function(None, method=True)
def reshape_as(self, other):
    """``self.reshape(other.shape)``."""
    return reshaped(self, tuple(other.shape))


@function(method=True)
def ravel(input):
    """All elements in one dimension: a view where possible."""
    input = input.contiguous()
    return reshaped(input, (-1,)) if input.numel() else reshaped(input, (0,))


@function(method=True)
def flatten(input, start_dim: int = 0, end_dim: int = -1):
    """Dimensions ``start_dim`` to ``end_dim`` made one; a 0-dim tensor becomes 1-dim. A view where possible."""
    first, last = wrap_dim(start_dim, input.ndim), wrap_dim(end_dim, input.ndim)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not input.ndim:
        return reshaped(input, (1,))
    if first == last:
        return input
    shape = tuple(input.shape)
    return reshaped(input, (*shape[:first], count(shape[first : last + 1]), *shape[last + 1 :]))


@function(method=True)
def unflatten(input, dim: int, sizes):
    """Dimension ``dim`` split into ``sizes`` (one may be -1); always a view."""
    d = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    parts = tuple(sizes)
    if not parts:
        raise RuntimeError("unflatten: sizes must be non-empty")
    size = input.shape[d]
    known = count([s for s in parts if s != -1])
    inferred = parts.count(-1) == 1
    if (inferred and (known == 0 or size % known)) or (not inferred and known != size):
        raise RuntimeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {d} ({size}) in the input tensor"
        )
    parts = tuple([size // known if s == -1 else s for s in parts])
    shape = tuple(input.shape)
    return _view(input, (*shape[:d], *parts, *shape[d + 1 :]))


# -- expand -----------------------------------------------------------------------------------------------------------------


@function(None)
def expand(self, *shape, size=None, implicit: bool = False):
    """View with dimensions of size 1 repeated to ``size`` (-1 keeps one as it is); new ones may come in front."""
    return _expand(self, sizes("expand", shape if size is None else (size,), "size"))


quick("expand", _expand.operator, expand)


@function(None, method=True)
def expand_as(self, other):
    """``self.expand(other.shape)``."""
    return _expand(self, tuple(other.shape))


@function()
def broadcast_to(input, size):
    """View of ``input`` broadcast to ``size``."""
    return _expand(input, sizes("broadcast_to", (size,), "size"))


@function(None, method="broadcast_to")
def _broadcast_to_method(self, *shape, size=None):
    """View of this tensor broadcast to ``size``."""
    return broadcast_to(self, spread(shape) if size is None else size)


@function()
def broadcast_tensors(*tensors):
    """All tensors expanded to the shape that they broadcast to, as a tuple."""
    tensors = spread(tensors)
    tensors = (tensors,) if isinstance(tensors, Tensor) else tensors
    shape = promotion.broadcast_shapes(*[t.shape for t in tensors]) if tensors else ()
    return tuple([t if t.shape == shape else _expand(t, shape) for t in tensors])


def broadcast_shapes(*shapes) -> Size:
    """The shape that all ``shapes`` (tuples or ints) broadcast to; ``RuntimeError`` when they do not."""
    listed = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    for shape in listed:
        for s in shape:
            if s < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({s}): ({s})")
    return Size(promotion.broadcast_shapes(*listed)) if listed else Size(())


export("torch", "broadcast_shapes", broadcast_shapes)


# -- dimensions of size 1 and the order of dimensions -------------------------------------------------------------------------


@function(method=True)
def squeeze(input, dim=None):
    """View without the dimensions of size 1: all of them, or those named by ``dim`` (an int or a tuple)."""
    if dim is None or (dim.__class__ is tuple):
        return _squeeze(input, dim)
    return _squeeze(input, sizes("squeeze", (dim,), "dim"))


@function(method=True, aliases=("moveaxis",))
def movedim(input, source, destination):
    """View with dimension ``source`` (an int or several) at position ``destination``; the others keep their order."""
    sources, targets = sizes("movedim", (source,), "source"), sizes("movedim", (destination,), "destination")
    if len(sources) != len(targets):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(sources)} dims) should contain the same number "
            f"of dims as destination ({list(targets)} dims)"
        )
    ndim = input.ndim
    sources, targets = [wrap_dim(d, ndim) for d in sources], [wrap_dim(d, ndim) for d in targets]
    for what, dims in (("source", sources), ("destination", targets)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{what}` ({dims})")
    if not ndim:
        return permute(input, ())
    rest = iter([d for d in range(ndim) if d not in sources])
    placed = dict(zip(targets, sources))
    return permute(input, tuple([placed[d] if d in placed else next(rest) for d in range(ndim)]))


@function(method=True)
def adjoint(input):
    """The conjugate transpose of the last two dimensions."""
    if input.ndim == 1:
        raise RuntimeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transpose(input, -2, -1).conj() if input.ndim else input.conj()


def _last_two(name: str, x: Tensor) -> Tensor:
    if x.ndim < 2:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got {x.ndim}-D tensor."
        )
    return transpose(x, -2, -1)


def _conjugate_transpose(x: Tensor) -> Tensor:
    if x.ndim not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {x.ndim}-D tensor.")
    return transpose(x, 0, 1).conj() if x.ndim else x.conj()


def _reversed(x: Tensor) -> Tensor:
    if x.ndim != 2:
        warn_once("The use of `x.T` on tensors of dimension other than 2 is deprecated. Use `x.mT` for batches of matrices, or "
                  "`x.permute(*range(x.ndim - 1, -1, -1))` to reverse the dimensions.")
    return permute(x, tuple(range(x.ndim - 1, -1, -1)))


Tensor.T = property(_reversed, doc="View with all dimensions reversed.")
Tensor.mT = property(lambda self: _last_two("mT", self), doc="View with the last two dimensions exchanged.")
Tensor.mH = property(lambda self: _last_two("mH", self).conj(), doc="The conjugate of ``mT``.")
Tensor.H = property(_conjugate_transpose, doc="The conjugate transpose of a matrix.")


def _at_least(name: str, lift):
    def lifted(*tensors):
        given = spread(tensors)
        if isinstance(given, Tensor):
            return lift(given)
        return tuple([lift(x) for x in given])

    lifted.__name__ = lifted.__qualname__ = name
    lifted.__doc__ = f"Each tensor as a view with no fewer than {name[-2]} dimensions."
    return function()(lifted)


def _lift_3d(x: Tensor) -> Tensor:
    if x.ndim >= 3:
        return x
    return unsqueeze(x, -1) if x.ndim == 2 else reshaped(x, (1, x.numel(), 1))


atleast_1d = _at_least("atleast_1d", lambda x: x if x.ndim else reshaped(x, (1,)))
atleast_2d = _at_least("atleast_2d", lambda x: x if x.ndim >= 2 else reshaped(x, (1, x.numel())))
atleast_3d = _at_least("atleast_3d", _lift_3d)


# -- in-place forms: the tensor takes the view's geometry ---------------------------------------------------------------------


@function(method=True)
def swapaxes(input, axis0: int, axis1: int):
    """``transpose`` under NumPy's name."""
    return transpose(input, axis0, axis1)


def become(name: str, x: Tensor, viewed: Tensor) -> Tensor:
    """Give ``x`` the geometry and history of ``viewed``, a view of it."""
    tracked = state.enabled and x._spec.requires_grad
    if tracked:
        check_history(x, True)
    note_write(x._storage)
    if tracked:
        edge = (viewed._autograd.node, viewed._autograd.nr)
        meta = x._autograd = x._autograd or Meta()
        meta.node, meta.nr = edge
        meta.history += 1
    grad = x._spec.requires_grad
    x._spec = styled(viewed._spec.with_grad(grad), type(x))
    x._offset = viewed._offset
    return x


def _geometric(name: str, functional):
    def changed(self, *args, **kwargs):
        return become(name, self, functional(self, *args, **kwargs))

    changed.__name__ = changed.__qualname__ = name
    changed.__signature__ = inspect.signature(functional)
    changed.__doc__ = f"As ``{functional.__name__}``, changing this tensor's own shape and strides."
    function(None, method=True)(changed)


for _name, _functional in (
    ("squeeze_", squeeze),
    ("unsqueeze_", unsqueeze),
    ("transpose_", transpose),
    ("t_", t),
    ("swapaxes_", swapaxes),
    ("swapdims_", transpose),
):
    _geometric(_name, _functional)
