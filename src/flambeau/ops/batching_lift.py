"""Operators on batches, derived from the operators on samples.

The batched form of an operator is an operator itself: it is traced, recorded as one instruction and differentiated like any
other. Composites and gradients run their body on batched tensors; views lift their geometry, reductions shift their dimensions.
"""

from __future__ import annotations

import copy

from ..compiler.plans import Dot, Gather, Index, Map, Reduce
from ..lazy.spec import dense
from ..lazy.spec import spec as make_spec
from ..tensor import Tensor
from .batching import batch_size, batched, beneath, expanded, sample_by_sample
from .gradient import Saved, sum_to_shape
from .inplace import InplaceOperator
from .operator import Operator, placeholders
from .reductions import Reduction
from .transformed import new_level
from .view_operator import ViewOperator

_lifted: dict = {}


def apply(op: Operator, level: int, values):
    """The result of ``op`` on arguments of which some are batched at ``level``."""
    if isinstance(op, InplaceOperator):
        return _write(op, level, values)
    flags = tuple([_flags(v, level) for v in values])
    plain = [_physical(v, level) for v in values]
    if op.body is not None or isinstance(op, (ViewOperator, Reduction)):
        return _wrapped(lifted(op, flags)(*plain), level)
    plan = _plan_of(op, values)
    if isinstance(plan, Map) and not isinstance(op, ViewOperator):
        return _wrapped(op.function_of(_aligned(op, level, values, plan)), level)
    rule = PLANS.get(type(plan))
    if rule is not None:
        return _wrapped(rule(op, level, values), level)
    return sample_by_sample(op.function or op, level, *_as_call(op, values))


def _as_call(op: Operator, values) -> tuple:
    """Positional and keyword arguments of a call."""
    named = {p.name: v for p, v in zip(op.parameters, values) if p.keyword_only}
    return tuple([v for p, v in zip(op.parameters, values) if not p.keyword_only]), named


def _flags(value, level: int):
    if isinstance(value, Tensor):
        return beneath(value, level) is not None
    if isinstance(value, tuple) and value and isinstance(value[0], Tensor):
        return tuple([beneath(t, level) is not None for t in value])
    return False


def _physical(value, level: int):
    if isinstance(value, Tensor):
        inner = beneath(value, level)
        return value if inner is None else inner
    if isinstance(value, tuple) and value and isinstance(value[0], Tensor):
        return tuple([_physical(t, level) for t in value])
    return value


def _wrapped(result, level: int):
    if isinstance(result, Tensor):
        return batched(result, level)
    return tuple([batched(r, level) for r in result])


def _plan_of(op: Operator, values):
    """What the primitive would put into its instruction for one sample. Wrong shapes and dtypes raise here."""
    kept = placeholders(values)
    specs = [s.plain for v in kept for s in (v if isinstance(v, tuple) else (v,)) if hasattr(s, "plain")]
    return op.infer(op, tuple(specs), values)[1]


# -- elementwise -------------------------------------------------------------------------------------------------------


def _aligned(op: Operator, level: int, values, plan: Map) -> tuple:
    """The arguments with the batch in front of dimensions that broadcast as the samples' do."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    rank = max(t.ndim for t in tensors)
    # A 0-dim sample gives way in promotion; with its batch it would not.
    mixed = len({t.dtype for t in tensors}) > 1
    return tuple(
        [_operand(v, level, rank, plan.compute if mixed else None) if isinstance(v, Tensor) else v for v in values]
    )


def _operand(tensor: Tensor, level: int, rank: int, compute):
    value = beneath(tensor, level)
    if compute is not None and not tensor.ndim and tensor.dtype.category > 0 and tensor.dtype is not compute:
        value = (tensor if value is None else value).to(compute)
    elif value is None:
        return tensor
    if beneath(tensor, level) is None:
        return value
    return padded(value, rank - tensor.ndim)


def padded(value: Tensor, count: int) -> Tensor:
    """``count`` dimensions of size 1 after the batch."""
    for _ in range(count):
        value = value.unsqueeze(1)
    return value


# -- the batched form of an operator -------------------------------------------------------------------------------------


def lifted(op: Operator, flags) -> Operator:
    """``op`` on batches; ``flags`` say which arguments have one."""
    found = _lifted.get((op, flags))
    if found is None:
        found = _lifted[op, flags] = _lift(op, flags)
    return found


def _lift(op: Operator, flags) -> Operator:
    made = copy.copy(op)
    made.rules, made.others, made.aside, made.codes = {}, {}, {}, {}
    made.function = _public(made)
    if op.gradient_body is not None:
        made.gradient_body = _lifted_gradient(op, flags)
    if isinstance(op, ViewOperator):
        made.geometry = _lifted_geometry(op)
    elif isinstance(op, Reduction):
        made.infer = _lifted_reduction(op)
    else:
        made.body = _lifted_body(op, flags)
    return made


def _public(op: Operator):
    def function(*values):
        return op(*values)

    function.operator = op
    function.gradient = op.gradient
    function.__name__ = op.name
    return function


def _bundle(value, flag, level: int):
    """An argument as the sample's operator sees it."""
    if isinstance(value, Tensor):
        return batched(value, level) if flag else value
    if isinstance(flag, tuple):
        return type(value)([_bundle(v, f, level) for v, f in zip(value, flag)])
    return value


def _first_batched(values, flags) -> Tensor:
    for v, f in zip(values, flags):
        if f is True:
            return v
        if isinstance(f, tuple) and True in f:
            return v[f.index(True)]
    raise AssertionError("no batched argument")


def _lifted_body(op: Operator, flags):
    def body(*values):
        level = new_level()
        size = _first_batched(values, flags).shape[0]
        result = op.body(*[_bundle(v, f, level) for v, f in zip(values, flags)])
        if isinstance(result, Tensor):
            return expanded(result, level, size)
        return tuple([expanded(r, level, size) for r in result])

    return body


def _lifted_gradient(op: Operator, flags):
    """The sample's gradient on batched tensors; summed over the samples for arguments that they share."""

    def gradient(grad, saved):
        level = new_level()
        given = [getattr(saved, p.name) for p in op.parameters]
        size = _first_batched(given, flags).shape[0]
        named = {p.name: _bundle(v, f, level) for p, v, f in zip(op.parameters, given, flags)}
        outputs = [o if o is None else batched(o, level) for o in saved.outputs]
        above = (
            tuple([g if g is None else batched(g, level) for g in grad])
            if isinstance(grad, tuple)
            else batched(grad, level)
        )
        results = op.gradient_body(above, Saved(**named, outputs=outputs, output=outputs[0] if outputs else None))
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        inputs = _tensor_inputs(op, named.values(), flags)
        return tuple([_sent(r, x, flag, level, size) for r, (x, flag) in zip(results, inputs)])

    return gradient


def _tensor_inputs(op: Operator, values, flags) -> list:
    """Every tensor argument (as the sample's operator sees it) with its flag."""
    found = []
    for value, flag in zip(values, flags):
        if isinstance(value, Tensor):
            found.append((value, flag))
        elif isinstance(flag, tuple):
            found.extend(zip(value, flag))
    return found


def _sent(gradient, x: Tensor, flag: bool, level: int, size: int):
    """A gradient from the sample's view to the batch's."""
    if gradient is None:
        return None
    if gradient.shape != x.shape:
        gradient = sum_to_shape(gradient, tuple(x.shape))
    if gradient.dtype.is_complex and not x.dtype.is_complex:
        gradient = gradient.real
    full = expanded(gradient, level, size)
    return full if flag else full.sum(0)


def _lifted_geometry(op: ViewOperator):
    def geometry(spec, *arguments):
        sample = make_spec(tuple(spec.shape[1:]), spec.stride[1:], spec.dtype, spec.device)
        found = op.geometry(sample, *arguments)
        return [_lifted_piece(spec, p) for p in found] if isinstance(found, list) else _lifted_piece(spec, found)

    return geometry


def _lifted_piece(spec, piece) -> tuple:
    shape, stride, offset = piece[:3]
    dtype = piece[3] if len(piece) > 3 else spec.dtype
    step = spec.stride[0] * spec.dtype.itemsize // dtype.itemsize
    return ((spec.shape[0], *shape), (step, *stride), offset, dtype)


def _lifted_reduction(op: Reduction):
    def infer(_, specs, values):
        (spec,) = specs
        sample = make_spec(tuple(spec.shape[1:]), spec.stride[1:], spec.dtype, spec.device)
        (out,), plan = op.infer(op, (sample,), values)
        if isinstance(plan, Reduce):
            plan = plan._replace(dims=tuple([d + 1 for d in plan.dims]))
        return (dense((spec.shape[0], *out.shape), out.dtype, out.device),), plan

    return infer


# -- primitives by what they compute --------------------------------------------------------------------------------------


def _dot(op, level, values):
    from .matmul import matmul

    return matmul(*[_physical(v, level) for v in values])


def _gather(op, level, values):
    input, index, dim = values
    size = batch_size(level, values)
    return op(expanded(input, level, size), expanded(index, level, size), dim + 1)


def _index(op, level, values):
    input, indices, dims, wrap = values
    size = batch_size(level, values)
    source = beneath(input, level)
    if source is not None and not any(beneath(i, level) is not None for i in indices) and neighbours(dims):
        return op(source, indices, tuple([d + 1 for d in dims]), wrap)
    rank = max(i.ndim for i in indices)
    positions = tuple([_operand(i, level, rank, None) for i in indices])
    if source is None:
        result = op(input, positions, dims, wrap)
        return result.movedim(dims[0], 0) if neighbours(dims) and dims[0] else result
    result = op(source, (samples(size, rank), *positions), (0, *[d + 1 for d in dims]), wrap)
    return from_front(result, rank, dims)


def neighbours(dims) -> bool:
    """Whether the dimensions follow one another, so that what they are replaced by stays where they were."""
    return tuple(dims) == tuple(range(dims[0], dims[0] + len(dims)))


def samples(size: int, rank: int) -> Tensor:
    """The numbers of the samples, to go with positions of ``rank`` dimensions."""
    from .positions import positions

    return positions(size).reshape((size, *[1] * rank))


def from_front(result: Tensor, rank: int, dims) -> Tensor:
    """``(batch, *positions, *rest)`` with the positions where the indexed dimensions were."""
    at = dims[0] if neighbours(dims) else 0
    if not at or not rank:
        return result
    return result.movedim(tuple(range(1, 1 + rank)), tuple(range(1 + at, 1 + at + rank)))


PLANS = {Dot: _dot, Gather: _gather, Index: _index}


# -- in place --------------------------------------------------------------------------------------------------------------


def _write(op: InplaceOperator, level: int, values):
    """Compute the new values of the samples, and write them to the batch."""
    from .batching_rules import writable

    target = writable(op.name, values[0], level, values[1:])
    functional = op.functional
    result = functional(*values)
    if result.shape != values[0].shape:
        raise RuntimeError(
            f"output with shape {list(values[0].shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    value = beneath(result, level)
    target.copy_(result if value is None else value)
    return values[0]
