"""Operators that only look at memory differently: their result shares the argument's storage, no instruction is recorded."""

from __future__ import annotations

from ..autograd.graph import Node, become_view, edge_of, set_view_refresher
from ..autograd.mode import state
from ..lazy.spec import spec as make_spec
from ..tensor import Tensor, make
from . import overrides
from .gradient import attach_all
from .operator import Operator, Rule, _reduces, make_function
from .registry import export
from .schema import compile_function, head, key_expression, spread, spread_line


class ViewOperator(Operator):
    """``geometry(spec, *arguments) -> (shape, strides, offset in elements[, dtype])`` of the view; a list of those for several views.

    The first parameter is the tensor; the others are static. Where the gradient is not given it is found by re-striding.
    """

    records = False

    def __init__(self, schema: str, geometry):
        super().__init__(schema)
        self.geometry = geometry
        self.doc = geometry.__doc__

    def derive(self, values):
        x, *arguments = values
        spec = x._spec
        if spec.override or spec.requires_grad:
            spec = spec.plain
        found = self.geometry(spec, *arguments)
        several = isinstance(found, list)
        results = []
        for piece in found if several else [found]:
            shape, stride, offset = piece[:3]
            dtype = piece[3] if len(piece) > 3 else spec.dtype
            view = make_spec(tuple(shape), tuple(stride), dtype, spec.device)
            results.append((0, view, offset * dtype.itemsize))
        return _ViewCode(self, (spec,)), tuple(results), not several, False

    def find(self, values) -> Rule:
        key = self.key(values)
        try:
            rule = self.rules.get(key) or self.others.get(key) or self.aside.get(key)
        except TypeError:  # an unhashable argument, which the geometry refuses
            return self.build(values)
        if rule is None:
            rule = self.build(values)
            (self.others if overrides.in_key(key) else self.aside if overrides.suspended else self.rules)[key] = rule
        return rule

    def launch(self, rule: Rule, values):
        return self.show(rule, values[0])

    def show(self, rule: Rule, x: Tensor):
        """The view, or views, of ``x`` that a rule describes."""
        storage, offset = x._storage, x._offset
        outputs = []
        for _, spec, delta in rule.results:
            out = make(storage, spec, offset + delta)
            become_view(out, x, several=not rule.single)
            outputs.append(out)
        if rule.differentiable and state.enabled:
            self.track(rule, x, outputs)
        return outputs[0] if rule.single else tuple(outputs)

    def track(self, rule: Rule, x: Tensor, outputs) -> None:
        """Give the views their node."""
        metas = [out._autograd for out in outputs]
        attach_all(rule, [x], outputs)
        for out, meta in zip(outputs, metas):
            if out._spec.requires_grad:
                meta.node, meta.nr = out._autograd.node, out._autograd.nr
                meta.seen = meta.base._autograd.history if meta.base._autograd is not None else 0
                out._autograd = meta


class _ViewCode:
    """Stands where other rules have their instruction's code."""

    __slots__ = ("operator", "inputs")

    def __init__(self, operator, inputs):
        self.operator = operator
        self.inputs = inputs


def view(schema: str, *, method: bool | str = True, namespace: str | None = "torch", variadic: str | None = None,
         aliases: tuple[str, ...] = ()):
    """Decorator: declare a view operator by its geometry."""

    def declare(geometry):
        op = ViewOperator(schema, geometry)
        op.function = view_function(op)
        op.function.operator = op
        op.function.gradient = op.gradient
        if namespace is not None:
            for name in (op.name, *aliases):
                export(namespace, name, op.function)
        if method:
            as_method = view_function(op, variadic) if variadic else op.function
            if variadic:
                overrides.offer_as(as_method, op)
            for name in (op.name, *aliases) if method is True else (method,):
                setattr(Tensor, name, as_method)
        overrides.remember(op)
        return op.function

    return declare


_FAST = """
def {name}({head}):
{spread}{renaming}    try:
        rule = rules[{key}]
    except (KeyError, AttributeError, TypeError):
        return general({values})
    return show(rule, {first})
"""


def view_function(op: ViewOperator, variadic: str | None = None):
    """The public function of a view operator: a known signature costs one look-up."""
    general = make_function(op)
    first, *_ = names = [p.name for p in op.parameters]
    numpy_names = variadic is None and _reduces(op)
    given = ", ".join(f"{n}={n}" for n in names)
    source = _FAST.format(name=general.__name__, head=head(op.schema, False, variadic, numpy_names), values=", ".join(names), first=first,
                          renaming=f"    if numpy_names:\n        return general({given}, **numpy_names)\n" if numpy_names else "",
                          key=", ".join(key_expression(p) for p in op.parameters) + ",",
                          spread=spread_line(variadic))
    scope = {"rules": op.rules, "general": general, "show": op.show, "spread": spread}
    return compile_function(source, general.__name__, scope, "ops", op.doc)


class AsStridedBackward0(Node):
    """History of a view whose base was changed in place: the view's place in the base."""

    __slots__ = ("view_spec", "distance", "base_spec")

    def __init__(self, base: Tensor, view: Tensor):
        super().__init__((edge_of(base),))
        self.view_spec, self.base_spec = view._spec.plain, base._spec.plain
        self.distance = (view._offset - base._offset) // view._spec.dtype.itemsize

    def name(self) -> str:
        return type(self).__name__

    def apply(self, gradients, create_graph: bool):
        from .views import as_strided_scatter_zeros, real_spec, view_as_complex, view_as_real
        grad, base, view = gradients[0], self.base_spec, self.view_spec
        if base.dtype.is_complex == view.dtype.is_complex:
            return [as_strided_scatter_zeros(grad, base, view, self.distance)]
        if base.dtype.is_complex:
            return [view_as_complex(as_strided_scatter_zeros(grad, real_spec(base), view, self.distance).contiguous())]
        return [as_strided_scatter_zeros(view_as_real(grad.resolve_conj()), base, real_spec(view), 2 * self.distance)]


def _refresh(view_tensor: Tensor) -> None:
    meta = view_tensor._autograd
    base = meta.base
    meta.seen = base._autograd.history
    if base._spec.requires_grad:
        meta.node, meta.nr = AsStridedBackward0(base, view_tensor), 0
        view_tensor._spec = view_tensor._spec.with_grad(True)


set_view_refresher(_refresh)
