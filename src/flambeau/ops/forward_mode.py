"""Forward-mode differentiation: dual tensors carry the derivative of their values along a direction.

An operator's derivative comes from its gradient: the gradient is linear in what arrives from above, and the transpose of that
linear map is the derivative forward. So hardly any operator has a forward rule of its own.
"""

from __future__ import annotations

from ..autograd.mode import state
from ..dtypes import finfo
from ..lazy.spec import spec as make_spec
from ..runtime.devices import contiguous_format
from ..tensor import Tensor, make
from . import copying, differentiation, filling, index_writing, scans, scattering, selection, slicing
from .batching import BatchedTensor, batched, beneath, expanded
from .creation import zeros
from .gradient import bind, reveal, run_gradient
from .inplace import InplaceOperator
from .nested_gradients import gradients, leaf, levels_in, without_history
from .operator import Operator, Rule, placeholders
from .transformed import Transformed, arguments_of, body_of, map_tensors, name_of, operator_of, tensors_in
from .view_operator import ViewOperator

RULES: dict = {}
ended: set = set()  # levels of forward_ad that were left: their tensors are plain again


class DualTensor(Transformed):
    """``_primal`` with its derivative ``_tangent``, of the same shape and dtype."""

    _primal: Tensor
    _tangent: Tensor

    @property
    def _spec(self):
        spec = self._primal._spec
        grad = spec.requires_grad or self._tangent._spec.requires_grad
        return make_spec(tuple(spec.shape), spec.stride, spec.dtype, spec.device, grad, True)

    _storage = property(lambda self: self._primal._storage)
    _offset = property(lambda self: self._primal._offset)
    _autograd = property(
        lambda self: self._primal._autograd, lambda self, value: setattr(self._primal, "_autograd", value)
    )

    def __repr__(self, *, tensor_contents=None) -> str:
        shown = repr(self._primal)
        return shown if self._level in ended else f"{shown[:-1]}, tangent={self._tangent!r})"

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients with respect to the primal."""
        self._primal.requires_grad_(requires_grad)
        return self

    def _handle(self, func, args, kwargs):
        if self._level in ended:
            level = self._level
            return func(
                *map_tensors(lambda t: parts(t, level)[0], args), **map_tensors(lambda t: parts(t, level)[0], kwargs)
            )
        return call(func, self._level, args, kwargs)

    def _rewrapped(self, function):
        return dual(function(self._primal), function(self._tangent), self._level)

    def _batches(self, level: int) -> Tensor | None:
        primal, tangent = beneath(self._primal, level), beneath(self._tangent, level)
        if primal is None and tangent is None:
            return None
        size = (tangent if primal is None else primal).shape[0]
        return dual(expanded(self._primal, level, size), expanded(self._tangent, level, size), self._level)


def dual(primal: Tensor, tangent: Tensor, level: int) -> Tensor:
    """A dual tensor of ``level``. Higher levels stay outside of it."""
    top = max((t for t in (primal, tangent) if isinstance(t, Transformed)), key=lambda t: t._level, default=None)
    if top is not None and top._level > level:
        outer = top._level
        if isinstance(top, BatchedTensor):
            size = top._value.shape[0]
            return batched(dual(expanded(primal, outer, size), expanded(tangent, outer, size), level), outer)
        (p, dp), (t, dt) = parts(primal, outer), parts(tangent, outer)
        return dual(dual(p, t, level), dual(_or_zeros(dp, p), _or_zeros(dt, t), level), outer)
    made = object.__new__(DualTensor)
    made._primal, made._tangent, made._level = primal, tangent, level
    return made


def _or_zeros(tangent: Tensor | None, primal: Tensor) -> Tensor:
    return zeros(tuple(primal.shape), dtype=primal.dtype) if tangent is None else tangent


def parts(tensor: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
    """The primal and the tangent at ``level``; None for a tensor without one."""
    if not isinstance(tensor, Transformed) or tensor._level < level:
        return tensor, None
    if isinstance(tensor, BatchedTensor):
        primal, tangent = parts(tensor._value, level)
        if tangent is None:
            return tensor, None
        return batched(primal, tensor._level), batched(tangent, tensor._level)
    if tensor._level == level:
        return tensor._primal, tensor._tangent
    (p, dp), (t, dt) = parts(tensor._primal, level), parts(tensor._tangent, level)
    if dp is None and dt is None:
        return tensor, None
    return dual(p, t, tensor._level), dual(_or_zeros(dp, p), _or_zeros(dt, t), tensor._level)


# -- operators -----------------------------------------------------------------------------------------------------------


def call(func, level: int, args, kwargs):
    """The result of a public function on arguments of which some are dual at ``level``."""
    rule = RULES.get(func)
    if rule is not None:
        return rule(level, *args, **kwargs)
    op = operator_of(func)
    if kwargs.get("out") is not None:
        raise RuntimeError(
            f"{name_of(func)}(): functions with out=... arguments don't support automatic differentiation"
        )
    if op is None:
        return body_of(func)(*args, **kwargs)
    values = arguments_of(op, args, kwargs)
    if isinstance(op, InplaceOperator):
        return _write(op, level, values)
    if isinstance(op, ViewOperator) and alike(values[0], level):
        return _view(op, level, values)
    if op.gradient_body is None and op.body is not None:
        return op.run_body(values)
    return push_forward(op, level, values)


def alike(tensor: Tensor, level: int) -> bool:
    """Whether the tangent lies in memory as the primal does, so that a view shows the same of both."""
    primal, tangent = parts(tensor, level)
    return tangent._spec.stride == primal._spec.stride and tangent.dtype is primal.dtype


def _view(op: ViewOperator, level: int, values):
    primal, tangent = parts(values[0], level)
    shown, moved = op(primal, *values[1:]), op(tangent, *values[1:])
    if isinstance(shown, Tensor):
        return _result(shown, moved, level)
    return tuple([_result(p, t, level) for p, t in zip(shown, moved)])


def _result(primal: Tensor, tangent: Tensor | None, level: int) -> Tensor:
    return primal if tangent is None or primal.dtype.category < 2 else dual(primal, tangent, level)


def push_forward(op: Operator, level: int, values):
    """The result of an operator with its derivative, by transposing the gradient."""
    pairs = [parts(t, level) for t in tensors_in(values)]
    primals = map_tensors(lambda t: parts(t, level)[0], values)
    # Of an operator that keeps results for backward alone, all are wanted here.
    result = op(*primals) if op.visible is None else op.run_body(op.normalized(primals))
    if op.gradient_body is None:
        return op.shown(result)
    outputs = [result] if isinstance(result, Tensor) else list(result)
    tangents = _tangents(op, primals, pairs, outputs, isinstance(result, Tensor))
    made = [_result(o, t, level) for o, t in zip(outputs, tangents)]
    if isinstance(result, Tensor):
        return made[0]
    if op.visible is not None:
        return op.shown(tuple(made))
    return type(result)(*made) if hasattr(result, "_fields") else type(result)(made)


def _tangents(op: Operator, values, pairs, outputs: list, single: bool) -> list:
    """For each result its derivative, None where it has none."""
    flags = op.differentiable_results
    open_ = [o.dtype.category >= 2 and (flags is None or flags[i]) for i, o in enumerate(outputs)]
    rule = Rule(op, None, tuple([(i, o._spec.plain, 0) for i, o in enumerate(outputs)]), placeholders(values), single)
    rule.needs = tuple([t is not None and p.dtype.category >= 2 for p, t in pairs])
    if not any(open_) or not any(rule.needs):
        return [None] * len(outputs)
    primals = [p for p, _ in pairs]
    levels = levels_in([*primals, *[t for _, t in pairs if t is not None], *outputs])
    create_graph = state.enabled and any(t is not None and t._spec.requires_grad for pair in pairs for t in pair)
    previous, state.enabled = state.enabled, True
    try:
        above = [
            leaf(zeros(tuple(o.shape), dtype=o.dtype), levels) if flag else None for o, flag in zip(outputs, open_)
        ]
        numbers = op.split(values)[1]
        outputs = [o if create_graph else without_history(o) for o in outputs]
        saved = bind(rule, iter(primals), iter(numbers), outputs)
        hidden = [i for i, o in enumerate(outputs) if not open_[i] and o.dtype.category >= 2]
        if hidden and op.body is not None and (create_graph or levels):
            saved = bind(rule, iter(primals), iter(numbers), reveal(rule, saved, hidden))
        given = [
            zeros(tuple(o.shape), dtype=o.dtype) if a is None and op.zero_gradients else a
            for a, o in zip(above, outputs)
        ]
        results = run_gradient(rule, given, saved, [p._spec for p in primals])
        wanted = [a for a in above if a is not None]
        sent = [(r, t) for r, (_, t) in zip(results, pairs) if r is not None and t is not None]
        found = (
            gradients([r for r, _ in sent], wanted, [t for _, t in sent], levels, create_graph)
            if sent
            else [None] * len(wanted)
        )
    finally:
        state.enabled = previous
    answers = iter(found)
    answers = [_owned(next(answers), pairs) if a is not None else None for a in above]
    return [
        zeros(tuple(o.shape), dtype=o.dtype) if t is None and flag else t for o, t, flag in zip(outputs, answers, open_)
    ]


def _owned(tangent: Tensor | None, pairs) -> Tensor | None:
    """A tangent in memory of its own, so that it can be written to: that of a copy must not be its source's."""
    if tangent is None:
        return None
    if isinstance(tangent, Transformed):
        return tangent.clone()
    shared = any(t is not None and not isinstance(t, Transformed) and t._storage is tangent._storage for _, t in pairs)
    return tangent.clone(memory_format=contiguous_format) if shared or tangent._spec.span < tangent._spec.numel else tangent


# -- writing -------------------------------------------------------------------------------------------------------------


def _write(op: InplaceOperator, level: int, values):
    """Write the primal, then the derivative of its new values."""
    _, tangent = parts(op.functional(*values), level)
    op(*map_tensors(lambda t: parts(t, level)[0], values))
    set_tangent(values[0], tangent, level)
    return values[0]


def set_tangent(target: Tensor, tangent: Tensor | None, level: int) -> None:
    """Give ``target``, which was written to, a new derivative: in its tangent's memory, as views share it."""
    primal, old = parts(target, level)
    if old is not None:
        old.zero_() if tangent is None else old.copy_(tangent)
    elif tangent is not None:
        become_dual(target, level).copy_(tangent)


def become_dual(target: Tensor, level: int) -> Tensor:
    """Make a plain tensor, and the base that it is a view of, dual in place; gives its tangent."""
    known = parts(target, level)[1]
    if known is not None:
        return known
    if isinstance(target, Transformed):
        raise RuntimeError(
            f"forward mode: a tensor of shape {list(target.shape)} of an enclosing transformation cannot take a derivative in place"
        )
    base = None if target._autograd is None else target._autograd.base
    spec = target._spec.plain
    if base is not None:
        whole = become_dual(base, level)
        tangent = copying_view(whole, spec, (target._offset - base._offset) // spec.dtype.itemsize)
    else:
        memory = zeros((max(spec.span, 1),), dtype=spec.dtype)
        tangent = copying_view(memory, spec, 0)
    primal = make(target._storage, target._spec, target._offset)
    object.__setattr__(primal, "_autograd", target._autograd)
    target.__class__ = DualTensor
    target._primal, target._tangent, target._level = primal, tangent, level
    return tangent


def copying_view(memory: Tensor, spec, distance: int) -> Tensor:
    """The part of ``memory`` at the places of ``spec``."""
    from .views import as_strided

    return as_strided(memory, tuple(spec.shape), spec.stride, distance)


def _rule(*functions):
    def declare(body):
        for function in functions:
            RULES[function] = body
        return body

    return declare


@_rule(copying.copy_)
def _(level, self, src, non_blocking=False):
    primal, tangent = parts(src, level)
    parts(self, level)[0].copy_(primal)
    set_tangent(self, tangent, level)
    return self


@_rule(copying.raw_copy)
def _(level, target, source):
    primal, tangent = parts(source, level)
    copying.raw_copy(parts(target, level)[0], primal)
    set_tangent(target, tangent, level)
    return target


@_rule(filling.fill_)
def _(level, self, value):
    primal, tangent = parts(value, level) if isinstance(value, Tensor) else (value, None)
    parts(self, level)[0].fill_(primal)
    set_tangent(self, tangent, level)
    return self


@_rule(scattering.scatter_write)
def _(level, target, dim, positions, source, reduce):
    _only_linear("scatter_", reduce)
    primal, tangent = parts(source, level)
    scattering.scatter_write(parts(target, level)[0], dim, positions, primal, reduce)
    moved = _written_tangent(target, tangent, level)
    if moved is not None:
        scattering.scatter_write(moved, dim, positions, _or_zeros(tangent, primal), reduce)
    return target


@_rule(scattering.index_write)
def _(level, target, indices, source, dims, reduce, wrap=False):
    _only_linear("index_put_", reduce)
    primal, tangent = parts(source, level)
    scattering.index_write(parts(target, level)[0], indices, primal, dims, reduce, wrap)
    moved = _written_tangent(target, tangent, level)
    if moved is not None:
        scattering.index_write(moved, indices, _or_zeros(tangent, primal), dims, reduce, wrap)
    return target


# Of values that are written to one place the last one stays, and its tangent: transposing would add them up.
@_rule(scattering._scatter_source)
def _(level, input, dim, index, src, reduce=None):
    if reduce is not None:
        return push_forward(scattering._scatter_source.operator, level, (input, dim, index, src, reduce))
    (target, moved), (source, tangent) = parts(input, level), parts(src, level)
    moved = scattering.scatter(_or_zeros(moved, target), dim, index, _or_zeros(tangent, source))
    return _result(scattering.scatter(target, dim, index, source), moved, level)


@_rule(index_writing._index_put)
def _(level, input, indices, values, dims, accumulate=False):
    (target, moved), (source, tangent) = parts(input, level), parts(values, level)
    moved = index_writing._index_put(_or_zeros(moved, target), indices, _or_zeros(tangent, source), dims, accumulate)
    return _result(index_writing._index_put(target, indices, source, dims, accumulate), moved, level)


def _written_tangent(target: Tensor, tangent: Tensor | None, level: int) -> Tensor | None:
    """The tangent that a write to ``target`` goes to; None where nothing that takes part has one."""
    known = parts(target, level)[1]
    return known if known is not None or tangent is None else become_dual(target, level)


def _only_linear(name: str, reduce: str) -> None:
    if reduce not in ("set", "add"):
        raise NotImplementedError(f"flambeau: {name}: argument reduce={reduce!r} is not supported yet in forward mode")


@_rule(slicing.view_at)
def _(level, x, key, node_name):
    primal, tangent = parts(x, level)
    return _result(slicing.view_at(primal, key, node_name), slicing.view_at(tangent, key, node_name), level)


@_rule(slicing.placed)
def _(level, x, shape, key, tracked=False):
    primal, tangent = parts(x, level)
    return _result(slicing.placed(primal, shape, key, tracked), slicing.placed(tangent, shape, key, tracked), level)


@_rule(differentiation.detach)
def _(level, input):
    return parts(input, level)[0].detach()


@_rule(scans.logcumsumexp, Tensor.logcumsumexp)
def _(level, input, dim):
    # Its gradient treats both signs apart, by logarithms: at zero, where transposing looks, it has no slope.
    primal, tangent = parts(input, level)
    result = scans.logcumsumexp(primal, dim)
    if not primal.ndim or primal.is_complex():
        moved = tangent if not primal.ndim else (tangent * primal.exp()).cumsum(dim) * (-result).exp()
        return _result(result, moved, level)

    def part(positive):
        logs = selection.where(positive > 0, selection.where(positive > 0, positive, 1).log(), finfo(primal.dtype).min)
        return (scans.logcumsumexp(primal + logs, dim) - result).exp()

    return _result(result, part(tangent) - part(-tangent), level)
