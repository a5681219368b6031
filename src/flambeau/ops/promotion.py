"""Result types and shapes of operators on several arguments."""

from __future__ import annotations

from .. import dtypes
from ..compiler.graph import Param
from ..dtypes import dtype, get_default_dtype, promote_types
from ..lazy.spec import Spec, contiguous_strides, dense
from ..lazy.spec import spec as make_spec
from ..tensor import Tensor


def number_dtype(value) -> dtype:
    """The dtype that a Python number stands for."""
    kind = value.kind if isinstance(value, Param) else value.__class__
    if kind is bool:
        return dtypes.bool_
    if kind is int:
        return dtypes.int64
    if kind is complex:
        return get_default_dtype().to_complex()
    return get_default_dtype()


def result_type_of(values) -> dtype:
    """PyTorch's result dtype of tensors and numbers: dimensioned tensors first, then 0-dim ones, then numbers.

    A lower-priority argument counts only if its category (bool < integer < float < complex) is higher.
    """
    found: list[dtype | None] = [None, None, None]
    for v in values:
        if isinstance(v, (Tensor, Spec)):
            spec = v._spec if isinstance(v, Tensor) else v
            level, d = (0 if spec.ndim else 1), spec.dtype
        else:
            level, d = 2, number_dtype(v)
        old = found[level]
        found[level] = d if old is None else promote_types(old, d)
    result = found[0]
    for lower in found[1:]:
        if lower is None:
            continue
        if result is None:
            result = lower
        elif lower.category > result.category:
            result = _raise_category(result, lower)
    return result if result is not None else get_default_dtype()


def _raise_category(result: dtype, lower: dtype) -> dtype:
    # A complex number of lower priority makes a float result complex at the float's own width.
    if lower.is_complex and result.is_floating_point:
        return result.to_complex()
    return lower


def broadcast_shapes(*shapes) -> tuple[int, ...]:
    """The shape that all ``shapes`` broadcast to; ``RuntimeError`` when they do not."""
    first = shapes[0]
    if all(s == first for s in shapes):
        return tuple(first)
    ndim = max(map(len, shapes))
    result = [1] * ndim
    for shape in shapes:
        for i, size in enumerate(reversed(shape)):
            d = ndim - 1 - i
            if size == 1:
                continue
            if result[d] not in (1, size):
                raise RuntimeError(f"The size of tensor a ({result[d]}) must match the size of tensor b ({size}) "
                                   f"at non-singleton dimension {d}")
            result[d] = size
    return tuple(result)


def elementwise_spec(specs, shape, out_dtype: dtype) -> Spec:
    """The spec of an elementwise result: inputs' memory order is kept where they agree on one, as PyTorch does."""
    device = next((s.device for s in specs if s.device.type != "cpu"), specs[0].device) if specs else dense(shape, out_dtype).device
    shape = tuple(shape)
    if all(s.contiguous for s in specs):
        return dense(shape, out_dtype, device)
    full = [s for s in specs if s.shape == shape]
    if full and len(full) == len(specs) and all(s.stride == full[0].stride for s in full) and _dense_memory(full[0]):
        return make_spec(shape, full[0].stride, out_dtype, device)
    order = _memory_order(specs, shape)
    strides = [0] * len(shape)
    step = 1
    for d in order:
        strides[d] = step
        step *= max(shape[d], 1)
    if tuple(strides) == contiguous_strides(shape):
        return dense(shape, out_dtype, device)
    return make_spec(shape, tuple(strides), out_dtype, device)


def _dense_memory(spec: Spec) -> bool:
    """Whether the elements fill a block without gaps or overlaps, in whatever order."""
    step = 1
    for size, stride in sorted(zip(spec.shape, spec.stride), key=lambda p: p[1]):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


def _memory_order(specs, shape) -> list[int]:
    """Dimensions from the fastest to the slowest, by the first input that can tell two of them apart."""
    ndim = len(shape)
    order = list(range(ndim - 1, -1, -1))

    def ambiguous_or_less(a: int, b: int) -> int:
        # 1: a must come after b; -1: a stays before b; 0: cannot tell
        for s in specs:
            lead = ndim - s.ndim
            sa = s.stride[a - lead] if a >= lead and s.shape[a - lead] != 1 else 0
            sb = s.stride[b - lead] if b >= lead and s.shape[b - lead] != 1 else 0
            if sa == 0 or sb == 0:
                continue
            if sa != sb:
                return -1 if sa < sb else 1
            if shape[a] > shape[b]:
                return 1
        return 0

    for i in range(1, ndim):
        at = i
        for j in range(i - 1, -1, -1):
            verdict = ambiguous_or_less(order[at], order[j])
            if verdict < 0:
                order[at], order[j] = order[j], order[at]
                at = j
            elif verdict > 0:
                break
    return order
