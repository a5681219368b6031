"""In-place forms: ``x.add_(y)`` is ``add`` whose result is written to ``x``, also in the graph."""

from __future__ import annotations

import copy

from ..autograd import graph
from ..autograd.graph import Meta, Node, edge_of
from ..autograd.mode import state
from ..compiler.graph import TraceError
from ..lazy.spec import dense
from ..lazy.storage import check_inference, note_write
from ..lazy.window import record
from ..tensor import Tensor, make
from . import overrides
from .gradient import OperatorNode, new_node, prepare
from .operator import Operator, Rule, Untraceable, compile_function, trace_body
from .promotion import _dense_memory as fills_its_memory
from .registry import export
from .schema import NUMBERS, head, key_expression


class InplaceOperator(Operator):
    """The in-place form of an operator: writes the first argument and gives it back."""

    def __init__(self, functional: Operator):
        super().__init__(str_schema(functional), mutates=(0,))
        self.functional = functional
        self.body = self._write
        self.node_name = self._node_name
        self.quick: dict = {}  # signatures whose calls need no check: nothing in them requires grad,
        self.untracked: dict = {}  # or grad mode is off

    def _node_name(self, values) -> str:
        name = self.functional.node_name
        return name if isinstance(name, str) else name(values)

    def _write(self, target, *rest):
        from .copying import raw_copy
        if self.functional.writer is not None:
            return self.functional.writer(target, *rest)
        return raw_copy(target, self.functional.function_of((target, *rest)))

    def __call__(self, *values, out=None):
        if overrides.active(values):
            return overrides.dispatch(self, values)
        values = self.normalized(values)
        target = values[0]
        if not isinstance(target, Tensor):
            raise TypeError(f"{self.name}() requires a Tensor, got {type(target).__name__}")
        tracked = state.enabled and any(t._spec.requires_grad for t in self.split(values)[0])
        check_writable(self.name, target, tracked)
        rule = self.find(values)
        tensors, numbers = self.split(values)
        check_overlap(self.name, target, tensors[1:])
        if tracked:
            return self._tracked(rule, values)
        if target.is_meta:
            note_write(target._storage)
            return target
        if rule.direct:
            return self._copy_back(values)
        if not (rule.code.sited or overrides.suspended):
            (self.untracked if not state.enabled else self.quick)[self.key(values)] = rule
        record(rule.code, tensors, numbers)
        return target

    def _copy_back(self, values):
        from .copying import copy_
        target = values[0]
        return copy_(target, self.functional.function_of(values))

    def derive(self, values):
        result = self.functional.find(values)
        check_result(self.name, values[0], result)
        if result.direct:
            return None, (), True, True
        try:
            return trace_body(self, self.body, values)
        except (Untraceable, TraceError):
            return None, (), True, True

    def _tracked(self, rule: Rule, values):
        """With gradients: the functional form's node becomes the target's history."""
        functional = self.functional
        forward = functional.find(values)
        target = values[0]
        if forward.direct or functional.gradient_body is None or not forward.differentiable:
            result = functional(before_write(target), *values[1:])
            edge = edge_of(result) if result._spec.requires_grad else None
            from .copying import raw_copy
            raw_copy(target, result)
            rebase(target, edge)
            return target
        if forward.saved is None:
            prepare(forward)
        kept = before_write(target) if 0 in forward.saved else None
        if kept is not None and kept._spec.stride != target._spec.stride:
            forward = functional.find((kept, *values[1:]))  # backward reads the copy, whose strides are not the target's
            if forward.saved is None:
                prepare(forward)
        tensors, numbers = functional.split(values)
        edges = tuple([edge_of(t) if t._spec.requires_grad else None for t in tensors])
        saved = [None if i < 0 else make_saved(tensors[i]) if i else kept for i in forward.saved]
        versions = [None if t is None else t._storage.version for t in saved]
        if rule.direct:
            self._copy_back(values)
        else:
            record(rule.code, tensors, numbers)
        written = saved_result(target, forward.spec) if None in saved else None
        saved = [written if t is None else t for t in saved]
        node = new_node(forward, edges, saved, numbers)
        node.versions = [written._storage.version if v is None else v for v in versions]
        rebase(target, (node, 0))
        return target


def before_write(target: Tensor) -> Tensor:
    """The target's values and history as they are now, in memory of their own."""
    from .copying import clone
    kept = clone(make(target._storage, target._spec.plain, target._offset))
    edge = edge_of(target)
    if edge is not None:
        kept._spec = kept._spec.with_grad(True)
        kept._autograd = Meta(*edge)
    return kept


def rewritten(target: Tensor, function) -> Tensor:
    """Write ``function(target)`` to ``target``, where no operator has an in-place form; gradients go to what it was before.

    ``RuntimeError`` where the target's dtype cannot hold the result.
    """
    from .copying import copy_
    tracked = state.enabled and target._spec.requires_grad and not target.is_leaf
    result = function(before_write(target) if tracked else target)
    check_cast(result.dtype, target.dtype)
    return copy_(target, result)


def saved_result(target: Tensor, spec) -> Tensor:
    """The target as backward reads it; a copy where the result of the functional form has other strides or another dtype."""
    shown = make(target._storage, target._spec.plain, target._offset)
    if target._spec.stride == spec.stride and target._spec.dtype is spec.dtype:
        return shown
    from .copying import raw_copy
    from .creation import uninitialized
    return raw_copy(uninitialized(spec), shown)


def make_saved(tensor):
    """The tensor as it is now: its history is about to change."""
    alias = make(tensor._storage, tensor._spec, tensor._offset)
    if tensor._autograd is not None:
        if tensor._autograd.node is None:
            return tensor
        alias._autograd = Meta(tensor._autograd.node, tensor._autograd.nr)
    return alias


SAME_EVERYWHERE = frozenset(["fill_", "zero_"])  # they may write an element several times


def check_writable(name: str, target: Tensor, tracked: bool) -> None:
    """Refuse what PyTorch refuses to write: leaves in the graph, overlapping memory, inference tensors."""
    spec = target._spec
    repeats = 0 in spec.stride and any(st == 0 and sz > 1 for st, sz in zip(spec.stride, spec.shape))
    if repeats and spec.numel and name not in SAME_EVERYWHERE:
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single memory "
                           f"location. Please clone() the tensor before performing the operation. ({name} on a tensor of shape "
                           f"{list(spec.shape)} and strides {list(spec.stride)})")
    if target._storage.inference:
        check_inference(target._storage)
    if target._autograd is not None:
        check_history(target, tracked)


def check_history(target: Tensor, tracked: bool) -> None:
    """Refuse to change leaves in the graph and their views, views that grad mode may not write to."""
    spec, meta = target._spec, target._autograd
    if meta is None:
        return
    if tracked and meta.base is not None and meta.creation is not None:
        graph.refuse_view(meta, "is being modified inplace")
    if tracked and spec.requires_grad and meta.node is None and meta.base is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if tracked and meta.base is not None and (spec.requires_grad or meta.base._spec.requires_grad) and meta.base.is_leaf:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")


def check_overlap(name: str, target: Tensor, others) -> None:
    """Refuse operands that share a part of the target's memory, or all of it in another order."""
    for other in others:
        if other._storage is not target._storage or other is target:
            continue
        a, b = target._spec, other._spec
        if (a.stride == b.stride and a.shape == b.shape and target._offset == other._offset) or not (a.numel and b.numel):
            continue
        first, second = target._offset, other._offset
        apart = first + a.nbytes <= second or second + b.nbytes <= first
        if apart or not (fills_its_memory(a) and fills_its_memory(b)):
            continue
        if first == second and a.nbytes == b.nbytes and a.stride == b.stride:
            continue
        raise RuntimeError(f"unsupported operation: some elements of the input tensor and the written-to tensor of {name} "
                           "refer to a single memory location. Please clone() the tensor before performing the operation.")


def check_result(name: str, target: Tensor, rule: Rule) -> None:
    """The result must fit the target: its shape, and a dtype that can be cast."""
    if rule.spec is None:
        return
    if name == "abs_" and target.is_complex():
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    if rule.spec.shape != target.shape:
        raise RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(rule.spec.shape)}")
    check_cast(rule.spec.dtype, target.dtype)


def check_cast(result, target) -> None:
    """``RuntimeError`` where PyTorch does not write results of a dtype into a tensor of another."""
    from ..dtypes import can_cast
    if not can_cast(result, target):
        raise RuntimeError(f"result type {overrides._scalar_name(result)} can't be cast to the desired output type "
                           f"{overrides._scalar_name(target)}")


def rebase(target: Tensor, edge) -> None:
    """Make ``edge`` the history of a tensor that was just written; a view rewrites its base's history too."""
    meta = target._autograd
    if edge is None:
        if meta is not None and meta.base is not None and meta.base._spec.requires_grad:
            _rebase_view(target, None)
        elif target._spec.requires_grad:
            meta.node, meta.nr = Overwritten(edge_of(target), None, target._spec.plain), 0
            meta.history += 1
        return
    if meta is not None and meta.base is not None:
        _rebase_view(target, edge)
        return
    node, nr = edge
    if meta is None:
        meta = target._autograd = Meta()
    if meta.retains:
        _move_retained(meta, node, nr)
    meta.node, meta.nr = node, nr
    meta.history += 1
    graph.require_grad_of_base(target)


def _move_retained(meta: Meta, node, nr: int) -> None:
    """``retain_grad`` follows the tensor to its new node."""
    if meta.node is not None and meta.node.retained is not None:
        meta.node.retained.pop(meta.nr, None)
    graph.register_of(node, "retained")[nr] = meta


graph.set_rebaser(rebase)


class CopySlices(Node):
    """History of a base whose view was written in place: outside the view the gradient goes on, inside it goes to the writer."""

    __slots__ = ("writer", "writer_nr", "view_spec", "view_offset", "base_spec", "base_offset")

    def __init__(self, base: Tensor, view: Tensor, edge):
        writer = edge[0] if edge is not None else None
        # The writer's own edge to the old view is replaced by one to the old base.
        super().__init__((edge_of(base), *(writer.edges if writer is not None and not isinstance(writer, Meta) else ())))
        self.writer = writer
        self.writer_nr = edge[1] if edge is not None else 0
        self.view_spec, self.view_offset = view._spec.plain, view._offset
        self.base_spec, self.base_offset = base._spec.plain, base._offset

    def name(self) -> str:
        return "torch::autograd::CopySlices"

    def apply(self, gradients, create_graph: bool):
        from .copying import clone
        from .views import as_strided, as_strided_scatter_zeros
        grad, base = gradients[0], self.base_spec
        if base.contiguous:
            full = clone(grad.contiguous())
        else:
            memory = as_strided_scatter_zeros(grad, dense((base.span,), base.dtype), base, 0)
            full = as_strided(memory, base.shape, base.stride, 0)
        inside = clone(self._part(full))
        self._part(full).zero_()
        if self.writer is None:
            return [full]
        # In a graph of gradients what the writer saved leads back to the writer: to a copy, which lives on when this node is freed.
        writer = copy.copy(self.writer) if create_graph and isinstance(self.writer, OperatorNode) else self.writer
        results = list(writer.apply([None] * self.writer_nr + [inside], create_graph))
        return [full, *results]

    def _part(self, full):
        """The view's place in the base's gradient; a complex base may have been written through a real view, or the reverse."""
        from .views import as_strided, view_as_complex, view_as_real
        view, distance = self.view_spec, self.view_offset - self.base_offset
        if view.dtype.is_complex and not full.dtype.is_complex:
            pairs = as_strided(full, (*view.shape, 2), (*(2 * s for s in view.stride), 1), distance // full.dtype.itemsize)
            return view_as_complex(pairs)
        if full.dtype.is_complex and not view.dtype.is_complex:
            full = view_as_real(full)
        return as_strided(full, view.shape, view.stride, distance // full.dtype.itemsize)

    def release(self) -> None:
        if self.writer is not None:
            self.writer.release()


def _rebase_view(view: Tensor, edge) -> None:
    base = view._autograd.base
    if edge is not None and isinstance(edge[0], Meta):
        # A leaf was copied in as it is: give it a node of its own.
        edge = (_Identity(edge), 0)
    node = CopySlices(base, view, edge)
    if edge is not None:
        node.edges = (node.edges[0], *edge[0].edges)
    if base._autograd is None:
        base._autograd = Meta()
    meta = base._autograd
    meta.node, meta.nr = node, 0
    meta.history += 1
    graph.require_grad_of_base(base)
    graph.refresh_view(view)


class Overwritten(Node):
    """History of a tensor whose values were replaced: no change of the old ones is felt, the new ones' is (where they have
    an edge)."""

    __slots__ = ("spec",)

    def __init__(self, old, new, spec):
        super().__init__((old, new))
        self.spec = spec

    def name(self) -> str:
        return "torch::autograd::CopyBackwards"

    @property
    def form(self) -> tuple:
        return Overwritten, self.spec

    def over(self, edges: tuple) -> Node:
        return Overwritten(*edges, self.spec)

    def apply(self, gradients, create_graph: bool):
        from .creation import filled
        return [filled(tuple(self.spec.shape), 0, self.spec.dtype), gradients[0]]


Overwritten.__name__ = "CopyBackwards"  # programs that draw the graph read the classes' names


class _Identity(Node):
    """Passes the gradient on."""

    __slots__ = ()

    def __init__(self, edge):
        super().__init__((edge,))

    def name(self) -> str:
        return "torch::autograd::CopyBackwards"

    @property
    def form(self) -> type:
        return _Identity

    def over(self, edges: tuple) -> Node:
        return _Identity(edges[0])

    def apply(self, gradients, create_graph: bool):
        return [gradients[0]]


_Identity.__name__ = "CopyBackwards"


def str_schema(op: Operator) -> str:
    """The schema text of the in-place form."""
    pieces, star = [], False
    for p in op.parameters:
        if p.keyword_only and not star:
            pieces.append("*")
            star = True
        pieces.append(f"{p.type} {p.name}" + ("" if p.required else f"={p.default!r}"))
    return f"{op.name}_({', '.join(pieces)})"


_SOURCE = """
def {name}({head}):
    return call({values})
"""

# A call with a known signature on tensors without any history or view, or where grad mode is off; its operands lie in other
# storages.
_QUICK = """
def {name}({head}):
    rule = None
    try:
        rule = quick[{key}] if state.enabled else untracked[{key}]
    except (KeyError, AttributeError, TypeError):
        pass
    if rule is None or ({target}._autograd is not None and state.enabled){apart}:
        return call({values})
    {record}
    return {target}
"""


def _function(op: InplaceOperator, name: str):
    """The public function ``name_`` of an in-place operator."""
    values = ", ".join(p.name for p in op.parameters)
    fields = {"name": name, "head": head(op.schema), "values": values}
    doc = f"In-place form of ``{op.functional.name}``."
    kinds = [p.type for p in op.parameters]
    if kinds not in (["Tensor"], ["Tensor", "Tensor"], ["Tensor", "Tensor|Scalar"]):
        return compile_function(_SOURCE.format(**fields), name, {"call": op}, "ops", doc)
    target = op.parameters[0].name
    fields.update(target=target, key=", ".join(key_expression(p) for p in op.parameters) + ",", apart="",
                  record=f"record(rule.code, ({target},))")
    if len(kinds) == 2:
        other = op.parameters[1].name
        number = f"{other}.__class__ in NUMBERS"
        fields["apart"] = f" or ({other}.__class__ not in NUMBERS and {other}._storage is {target}._storage)"
        fields["record"] = (f"record(rule.code, ({target},), ({other},)) if {number} else record(rule.code, ({target}, {other}))")
    scope = {"call": op, "quick": op.quick, "untracked": op.untracked, "state": state, "record": record, "NUMBERS": NUMBERS}
    return compile_function(_QUICK.format(**fields), name, scope, "ops", doc)


def publish_inplace(functional: Operator, names, namespace) -> InplaceOperator:
    """Make and export ``name_`` of an operator."""
    op = InplaceOperator(functional)
    for i, name in enumerate(names):
        function = _function(op, name + "_")
        function.operator = op
        overrides.offer_as(function, op)
        if i == 0:
            op.function = function
        setattr(Tensor, name + "_", function)
        if namespace == "torch":
            export("torch", name + "_", function)
    overrides.remember(op)
    return op
