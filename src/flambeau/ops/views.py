"""Views: reshaping, reordering, slicing and expanding without moving elements."""

from __future__ import annotations

from ..lazy.spec import contiguous_strides, count, dense
from ..lazy.spec import spec as make_spec
from ..tensor import wrap_dim
from .slicing import narrow, select, slice_
from .view_operator import view


def infer_size(shape, numel: int) -> tuple[int, ...]:
    """``shape`` with its one -1 filled in; ``RuntimeError`` where it does not hold ``numel`` elements."""
    unknown = [i for i, s in enumerate(shape) if s == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    bad = next((s for s in shape if s < -1), None)
    if bad is not None:
        raise RuntimeError(f"invalid shape dimension {bad}")
    known = count([s for s in shape if s != -1])
    if unknown:
        if known == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
                "can be any value and is ambiguous"
            )
        if numel % known == 0:
            return tuple(numel // known if s == -1 else s for s in shape)
    elif known == numel:
        return tuple(shape)
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")


def view_strides(shape, stride, new_shape) -> tuple[int, ...] | None:
    """Strides that show memory of ``shape``/``stride`` as ``new_shape``; None where elements would have to move."""
    if count(shape) == 0:
        return contiguous_strides(new_shape)
    result = [0] * len(new_shape)
    to = len(new_shape) - 1
    chunk, chunk_stride = 1, stride[-1] if stride else 1
    filled = 1
    for d in range(len(shape) - 1, -1, -1):
        chunk *= shape[d]
        ends = d == 0 or (shape[d - 1] != 1 and stride[d - 1] != chunk * chunk_stride)
        if not ends:
            continue
        while to >= 0 and (filled < chunk or new_shape[to] == 1):
            result[to] = filled * chunk_stride
            filled *= new_shape[to]
            to -= 1
        if filled != chunk:
            return None
        if d > 0:
            chunk, chunk_stride, filled = 1, stride[d - 1], 1
    if not shape:
        return tuple([1] * len(new_shape))
    return tuple(result) if to == -1 else None


@view("view(Tensor input, any shape)", method=False, namespace=None)
def _view(spec, shape):
    shape = infer_size(shape, spec.numel)
    strides = view_strides(spec.shape, spec.stride, shape)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return shape, strides, 0


@_view.gradient
def _(grad, saved):
    return grad.reshape(saved.input.shape)


@view("permute(Tensor input, int[] dims)", variadic="dims")
def permute(spec, dims):
    """View with the dimensions in the order ``dims``."""
    if len(dims) != spec.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {spec.ndim} is not equal to len(dims) = {len(dims)}"
        )
    wrapped = [wrap_dim(d, spec.ndim) for d in dims]
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return [spec.shape[d] for d in wrapped], [spec.stride[d] for d in wrapped], 0


@permute.gradient
def _(grad, saved):
    inverse = [0] * len(saved.dims)
    for i, d in enumerate(saved.dims):
        inverse[d] = i
    return permute(grad, tuple(inverse))


@view("transpose(Tensor input, int dim0, int dim1)", aliases=("swapdims",))
def transpose(spec, dim0, dim1):
    """View with dimensions ``dim0`` and ``dim1`` exchanged."""
    a, b = wrap_dim(dim0, spec.ndim), wrap_dim(dim1, spec.ndim)
    shape, stride = list(spec.shape), list(spec.stride)
    if shape:
        shape[a], shape[b] = shape[b], shape[a]
        stride[a], stride[b] = stride[b], stride[a]
    return shape, stride, 0


@transpose.gradient
def _(grad, saved):
    return transpose(grad, saved.dim0, saved.dim1)


@view("t(Tensor input)")
def t(spec):
    """Transpose of a matrix; vectors and 0-dim tensors as they are."""
    if spec.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {spec.ndim}D")
    return spec.shape[::-1], spec.stride[::-1], 0


@t.gradient
def _(grad, saved):
    return t(grad)


@view("expand(Tensor input, int[] size)", namespace=None, method=False)
def _expand(spec, size):
    lead = len(size) - spec.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.Tensor{{{list(spec.shape)}}}, size={list(size)}): the number of sizes provided ({len(size)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({spec.ndim})"
        )
    shape, stride = [], []
    for i, wanted in enumerate(size):
        if i < lead:
            if wanted < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({wanted}) isn't allowed in a leading, non-existing dimension {i}"
                )
            shape.append(wanted)
            stride.append(0)
            continue
        have, step = spec.shape[i - lead], spec.stride[i - lead]
        if wanted in (-1, have):
            shape.append(have)
            stride.append(step)
        elif have == 1 and wanted >= 0:
            shape.append(wanted)
            stride.append(0)
        else:
            raise RuntimeError(
                f"The expanded size of the tensor ({wanted}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: {list(spec.shape)}"
            )
    return shape, stride, 0


@_expand.gradient
def _(grad, saved):
    return grad  # summed to the input's shape like any broadcast


_expand.operator.node_name = "ExpandBackward0"


@view("unsqueeze(Tensor input, int dim)")
def unsqueeze(spec, dim):
    """View with a dimension of size 1 inserted at ``dim``."""
    d = wrap_dim(dim, spec.ndim + 1)
    step = spec.shape[d] * spec.stride[d] if d < spec.ndim else 1
    return (*spec.shape[:d], 1, *spec.shape[d:]), (*spec.stride[:d], step, *spec.stride[d:]), 0


@unsqueeze.gradient
def _(grad, saved):
    return grad.reshape(saved.input.shape)


@view("squeeze(Tensor input, any dim=None)", namespace=None, method=False)
def _squeeze(spec, dim):
    if dim is None:
        drop = {d for d, s in enumerate(spec.shape) if s == 1}
    else:
        drop = {wrap_dim(d, spec.ndim) for d in dim}
        drop = {d for d in drop if d < spec.ndim and spec.shape[d] == 1}
    keep = [d for d in range(spec.ndim) if d not in drop]
    return [spec.shape[d] for d in keep], [spec.stride[d] for d in keep], 0


@_squeeze.gradient
def _(grad, saved):
    return grad.reshape(saved.input.shape)


_squeeze.operator.node_name = "SqueezeBackward0"


@view("diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1)")
def diagonal(spec, offset, dim1, dim2):
    """View of a diagonal of dimensions ``dim1``, ``dim2``, which become the last dimension."""
    a, b = wrap_dim(dim1, spec.ndim), wrap_dim(dim2, spec.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    if offset >= 0:
        length, start = min(spec.shape[a], spec.shape[b] - offset), offset * spec.stride[b]
    else:
        length, start = min(spec.shape[a] + offset, spec.shape[b]), -offset * spec.stride[a]
    length = max(length, 0)
    rest = [d for d in range(spec.ndim) if d not in (a, b)]
    stride = spec.stride[a] + spec.stride[b]
    return [*(spec.shape[d] for d in rest), length], [*(spec.stride[d] for d in rest), stride], start if length else 0


@diagonal.gradient
def _(grad, saved):
    from .creation import zeros

    full = zeros(saved.input.shape, dtype=grad.dtype)
    diagonal(full, saved.offset, saved.dim1, saved.dim2).copy_(grad)
    return full


@view("as_strided(Tensor input, int[] size, int[] stride, int distance)", namespace=None, method=False)
def as_strided(spec, size, stride, distance):
    """View with any geometry, ``distance`` elements after the input's first element."""
    return size, stride, distance


@as_strided.gradient
def _(grad, saved):
    return as_strided_scatter_zeros(
        grad, saved.input._spec, dense_like(saved.size, saved.stride, saved.input._spec), saved.distance
    )


as_strided.operator.node_name = "AsStridedBackward0"


def dense_like(shape, stride, spec):
    """The spec of a view of ``spec`` with another geometry."""
    return make_spec(tuple(shape), tuple(stride), spec.dtype, spec.device)


def as_strided_scatter_zeros(grad, base_spec, view_spec, distance: int):
    """The gradient of memory that a view of geometry ``view_spec`` was taken of, as the base (``base_spec``) sees it.

    ``distance`` is the view's first element's from the base's. Elements that the view shows several times add up; those that
    the base shows several times share theirs in equal parts.
    """
    from .creation import filled

    first = min(0, distance)
    memory = filled((max(base_spec.span, distance + view_spec.span, 1) - first,), 0, grad.dtype, grad.device)
    if overlapping(view_spec):
        memory = _added_overlapping(memory, grad, view_spec, distance - first)
    else:
        as_strided(memory, tuple(view_spec.shape), tuple(view_spec.stride), distance - first).copy_(grad)
    if overlapping(base_spec):
        ones = filled(tuple(base_spec.shape), 1, grad.dtype, grad.device)
        memory = memory / _added_overlapping(memory * 0, ones, base_spec, -first).clamp(min=1)
    return as_strided(memory, tuple(base_spec.shape), tuple(base_spec.stride), -first)


def real_spec(spec):
    """The spec of ``view_as_real`` of a tensor with this one."""
    return make_spec((*spec.shape, 2), (*(2 * s for s in spec.stride), 1), spec.dtype.to_real(), spec.device)


def overlapping(spec) -> bool:
    """Whether two elements may lie at one place (or reach past one another's rows)."""
    reach = 0
    for step, size in sorted((st, s) for s, st in zip(spec.shape, spec.stride) if s > 1):
        if step <= reach:
            return True
        reach += step * (size - 1)
    return False


def _added_overlapping(memory, grad, view_spec, distance: int):
    """``grad`` added to ``memory`` where the view shows it."""
    from .positions import positions

    place = None
    for d, (size, step) in enumerate(zip(view_spec.shape, view_spec.stride)):
        along = (positions(size) * step).reshape([size if k == d else 1 for k in range(view_spec.ndim)])
        place = along if place is None else place + along
    return memory.index_add(0, (place + distance).reshape(-1), grad.reshape(-1))


@view("unfold(Tensor input, int dimension, int size, int step)", namespace=None)
def unfold(spec, dimension, size, step):
    """View of all slices of ``size`` elements along a dimension, ``step`` apart; they become the last dimension."""
    d = wrap_dim(dimension, spec.ndim)
    have, stride = (spec.shape[d], spec.stride[d]) if spec.ndim else (1, 1)
    if size > have:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {have} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    shape, strides = list(spec.shape), list(spec.stride)
    if spec.ndim:
        shape[d] = (have - size) // step + 1
        strides[d] = stride * step
    return [*shape, size], [*strides, stride], 0


@unfold.gradient
def _(grad, saved):
    given = saved.input._spec
    source = dense(given.shape, given.dtype, given.device)  # each element has a gradient of its own, also where memory is shared
    shape, stride, _ = unfold.operator.geometry(source, saved.dimension, saved.size, saved.step)
    return as_strided_scatter_zeros(grad, source, dense_like(shape, stride, source), 0)


@view("view_as_real(Tensor input)", method=False)
def view_as_real(spec):
    """View of complex elements as pairs of real ones in a last dimension of size 2."""
    if not spec.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return (*spec.shape, 2), (*(s * 2 for s in spec.stride), 1), 0, spec.dtype.to_real()


@view_as_real.gradient
def _(grad, saved):
    return view_as_complex(grad.contiguous())


@view("view_as_complex(Tensor input)", method=False)
def view_as_complex(spec):
    """View of pairs of real elements (a last dimension of size 2 and stride 1) as complex ones."""
    if not spec.dtype.is_floating_point:
        raise RuntimeError(
            f"view_as_complex is only supported for floating point tensors, but got a tensor of scalar type: {spec.dtype}"
        )
    if not spec.ndim or spec.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if spec.stride[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(s % 2 for s in spec.stride[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return spec.shape[:-1], [s // 2 for s in spec.stride[:-1]], 0, spec.dtype.to_complex()


@view_as_complex.gradient
def _(grad, saved):
    return view_as_real(grad.contiguous() if grad.is_complex() else grad.to(grad.dtype.to_complex()))


@view("split_with_sizes(Tensor input, int[] split_sizes, int dim=0)")
def split_with_sizes(spec, split_sizes, dim):
    """Views of consecutive pieces of the given sizes along ``dim``."""
    if not spec.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d = wrap_dim(dim, spec.ndim)
    if any(s < 0 for s in split_sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(split_sizes)}"
        )
    if sum(split_sizes) != spec.shape[d]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {spec.shape[d]} (input tensor's size at dimension {d}), "
            f"but got split_sizes={list(split_sizes)}"
        )
    pieces, at = [], 0
    for size in split_sizes:
        pieces.append(((*spec.shape[:d], size, *spec.shape[d + 1 :]), spec.stride, at * spec.stride[d]))
        at += size
    return pieces


@split_with_sizes.gradient
def _(grads, saved):
    from .joining import cat

    return cat(list(grads), saved.dim)


split_with_sizes.operator.node_name = "SplitBackward0"


@view("unbind(Tensor input, int dim=0)")
def unbind(spec, dim):
    """Views of all positions of dimension ``dim``, which goes away."""
    if not spec.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    d = wrap_dim(dim, spec.ndim)
    shape, stride = (*spec.shape[:d], *spec.shape[d + 1 :]), (*spec.stride[:d], *spec.stride[d + 1 :])
    return [(shape, stride, i * spec.stride[d]) for i in range(spec.shape[d])]


@unbind.gradient
def _(grads, saved):
    from .joining import stack

    return stack(list(grads), saved.dim)


__all__ = ["narrow", "select", "slice_"]
