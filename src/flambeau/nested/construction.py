"""Making nested tensors."""

from __future__ import annotations

from ..dtypes import dtype as _dtype
from ..ops import NAMESPACES
from ..ops.further_methods import to_padded_tensor
from ..tensor import Tensor
from .handle import NestedTensor, jagged, strided
from .jagged import JaggedNested, index_tensor, ragged_of, ragged_of_sizes
from .strided import StridedNested

_torch = NAMESPACES["torch"]


def nested_tensor(tensor_list, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False) -> Tensor:
    """A nested tensor with a copy of the components: a leaf, without their history.

    Args:
        tensor_list: tensors, or what ``torch.tensor`` takes, all with the same number of dimensions. For
            ``layout=torch.jagged`` with the same sizes but along one dimension, and of one dtype.
        layout: ``torch.strided`` (default) or ``torch.jagged``.

    Raises:
        TypeError: ``tensor_list`` is no list. RuntimeError: components do not fit together.
    """
    if not isinstance(tensor_list, (list, tuple)) and not (_layout(layout) is jagged and isinstance(tensor_list, Tensor)):
        raise TypeError("Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in nested_tensor")
    components = [t if isinstance(t, Tensor) else _torch["tensor"](t) for t in tensor_list]
    made = _packed([t.detach() for t in components], dtype, device, layout)
    if pin_memory:
        raise NotImplementedError("flambeau: nested_tensor: argument pin_memory is not supported yet")
    values = made._held.detach()
    made._held = values.clone() if any(values._storage is t._storage for t in components) else values
    return made.requires_grad_(requires_grad)


def as_nested_tensor(ts, dtype: _dtype | None = None, device=None, layout=None) -> Tensor:
    """A nested tensor of the components; gradients flow back to them.

    Args:
        ts: a list or tuple of tensors, a dense tensor whose first dimension becomes the batch, or a nested tensor.

    Raises:
        TypeError: ``ts`` is none of these. RuntimeError: components do not fit together.
    """
    if isinstance(ts, NestedTensor):
        if _layout(layout) is not ts.layout:
            return _packed(list(ts.components()), dtype, device, layout)
        return ts if dtype is None and device is None else ts.to(dtype=dtype, device=device)
    if isinstance(ts, (list, tuple)) and not all(isinstance(t, Tensor) for t in ts) or not isinstance(ts, (list, tuple, Tensor)):
        raise TypeError("as_nested_tensor(): Expected first argument to be a tensor or a list / tuple of tensors ")
    if isinstance(ts, Tensor) and ts.dim() < 2:
        raise RuntimeError("as_nested_tensor(): Expected tensor argument to have dim() > 1")
    return _packed(list(ts.unbind()) if isinstance(ts, Tensor) else list(ts), dtype, device, layout)


def _layout(layout):
    if layout is None or layout == strided:
        return strided
    if layout == jagged:
        return jagged
    raise RuntimeError(f"Specified layout is unsupported for nested tensors: {layout}")


def _packed(components: list[Tensor], dtype, device, layout) -> NestedTensor:
    chosen = _layout(layout)
    if chosen is jagged:
        return _jagged(components, dtype, device)
    for i, t in enumerate(components):
        if t.dim() != components[0].dim():
            raise RuntimeError(f"All Tensors given to nested_tensor must have the same dimension. Found dimension {t.dim()} for Tensor at "
                               f"index {i} and dimension {components[0].dim()} for Tensor at index 0.")
    common = dtype or (components[0].dtype if components else None)
    return StridedNested.of(t.to(dtype=common, device=device) for t in components)


def _jagged(components: list[Tensor], dtype, device) -> JaggedNested:
    if not components:
        raise RuntimeError("Cannot construct a nested tensor from an empty tensor list")
    first = components[0]
    if len({t.dtype for t in components}) > 1:
        raise RuntimeError("When constructing a nested tensor, all tensors in list must have the same dtype")
    if len({t.dim() for t in components}) > 1:
        raise RuntimeError("When constructing a nested tensor, all tensors in list must have the same dim")
    if not first.dim():
        raise RuntimeError("Cannot construct a nested tensor from a list of zero-dim tensors")
    differing = [d for d in range(first.dim()) if len({t.shape[d] for t in components}) > 1]
    if len(differing) > 1:
        raise RuntimeError("Cannot represent given tensor list as a nested tensor with the jagged layout. Note that the jagged layout only "
                           "allows for a single ragged dimension. For example: (B, *, D_0, D_1, ..., D_N), with ragged * dim.")
    axis = differing[0] if differing else 0
    values = _torch["cat"](components, axis).to(dtype=dtype or first.dtype, device=device)
    return JaggedNested.over(values, ragged_of_sizes(t.shape[axis] for t in components), axis + 1)


def nested_tensor_from_jagged(values, offsets=None, lengths=None, jagged_dim=None, min_seqlen=None, max_seqlen=None) -> Tensor:
    """A jagged nested tensor over ``values``, without a copy.

    Args:
        values: the packed components, dense.
        offsets: int tensor (B + 1): where each component begins, and where the last ends.
        lengths: int tensor (B): the sizes, where components do not fill the space between offsets; alone, they are packed without gaps.
        jagged_dim: the ragged dimension, counting the batch (default 1).
        min_seqlen, max_seqlen: known sizes; found from the offsets here, so that they change nothing.

    Raises:
        RuntimeError: neither offsets nor lengths.
    """
    if offsets is None and lengths is None:
        raise RuntimeError("nested_tensor_from_jagged(): At least one of offsets or lengths is required.")
    if offsets is None:
        return JaggedNested.over(values, ragged_of_sizes(lengths.tolist()), jagged_dim or 1)
    return JaggedNested.over(values, ragged_of(offsets, lengths), jagged_dim or 1)


def narrow(tensor, dim, start, length, layout=strided) -> Tensor:
    """A nested tensor of parts of the dense ``tensor``: for ``layout=torch.jagged`` component ``i`` is
    ``tensor[i, start[i] : start[i] + length[i]]`` (``dim=1``), a view; numbers stand for all components."""
    if _layout(layout) is strided:
        if isinstance(start, Tensor) or isinstance(length, Tensor):
            raise RuntimeError("start and length must be integers for the strided layout NT impl")
        if dim:
            raise RuntimeError(f"narrow(): only dim=0 supported for nested tensors, but got: {dim}")
        if start + length > tensor.shape[0]:
            raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({tensor.shape[0]}).")
        return _packed(list(tensor[start:start + length].unbind()), None, None, strided)
    if dim != 1:
        raise RuntimeError("jagged layout only supports dim=1")
    batch, room = tensor.shape[:2]
    starts = start.tolist() if isinstance(start, Tensor) else [start] * batch
    sizes = length.tolist() if isinstance(length, Tensor) else [length] * batch
    begins = [i * room + s for i, s in enumerate(starts)]
    offsets = index_tensor([*begins, begins[-1] + sizes[-1]])
    return JaggedNested.over(tensor.flatten(0, 1), ragged_of(offsets, index_tensor(sizes)))


def masked_select(tensor, mask) -> Tensor:
    """The elements of the dense (B, L) ``tensor`` where ``mask`` is true, as a jagged nested tensor."""
    if tensor.layout != strided:
        raise RuntimeError(f"torch.nested.masked_select requires a strided tensor, given {tensor.layout}")
    full = mask.expand(tensor.shape)
    sizes = full.sum(tuple(range(1, full.ndim))) if full.ndim > 1 else full.sum(0, keepdim=True)
    return JaggedNested.over(_torch["masked_select"](tensor, full), ragged_of_sizes(sizes.tolist()))


__all__ = ["as_nested_tensor", "masked_select", "narrow", "nested_tensor", "nested_tensor_from_jagged", "to_padded_tensor"]
