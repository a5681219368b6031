"""Differentiation of operators: nodes, what they save, and backward as one recorded instruction."""

from __future__ import annotations

import functools
import types
from contextlib import nullcontext

from .. import dtypes
from ..autograd import anomaly, saved_hooks
from ..autograd.graph import Meta, Node, edge_of
from ..autograd.mode import no_grad, state
from ..compiler.graph import Param, Trace, TraceError
from ..lazy import window as _window
from ..lazy.spec import dense
from ..lazy.spec import spec as make_spec
from ..lazy.window import Code, record
from ..tensor import Tensor, make
from .promotion import result_type_of


class Saved(types.SimpleNamespace):
    """What a gradient sees: the operator's arguments by name, ``outputs`` and ``output``."""


class OperatorNode(Node):
    """A recorded operator in the graph. ``tensors`` are the saved ones, in the order of ``rule.saved``."""

    __slots__ = ("rule", "tensors", "versions", "numbers")

    def __init__(self, rule, edges, tensors, numbers):
        Node.__init__(self, edges)
        self.rule = rule
        self.tensors = tensors
        self.versions = [t._storage.version for t in tensors]
        self.numbers = numbers

    def name(self) -> str:
        return type(self).__name__

    def release(self) -> None:
        if self.rule.saved:  # a node that saved nothing may be passed again
            self.tensors = None

    def unpack(self) -> list:
        """The saved tensors, checked to be what they were."""
        tensors = self.tensors
        if tensors is None:
            raise RuntimeError(saved_hooks.FREED)
        if self.rule.saved and tensors.__class__ is saved_hooks.Packed:
            return tensors.unpack()
        for tensor, version in zip(tensors, self.versions):
            if tensor._storage.version != version:
                raise RuntimeError(saved_hooks.modified(tensor, version, self))
        return tensors

    def apply(self, gradients, create_graph: bool):
        tensors = self.unpack()
        rule = self.rule
        gradients = gradients + [None] * (len(rule.results) - len(gradients))
        if create_graph or rule.untraced:
            return self._apply_directly(gradients, tensors, create_graph)
        key = gradients[0]._spec if len(gradients) == 1 else tuple([None if g is None else g._spec for g in gradients])
        backward = rule.backwards.get(key)
        if backward is None:
            if any(g is not None and g._spec.override for g in gradients):
                return self._apply_directly(gradients, tensors, create_graph)
            backward = rule.backwards[key] = plan_backward(rule, [None if g is None else g._spec.plain for g in gradients])
            backward.select(rule.saved, gradients)
        inputs = [g for g in gradients if g is not None]
        inputs += tensors
        return backward.launch(inputs, self.numbers)

    def _apply_directly(self, gradients, tensors, create_graph: bool):
        rule = self.rule
        known = dict(zip(rule.saved, tensors))
        outputs = []
        for i, (_, spec, _) in enumerate(rule.results):
            saved = known.get(~i)
            if saved is None:
                saved = _unsaved(spec)
            elif create_graph and self.rule.grad_flags[i]:
                alias = make(saved._storage, spec.with_grad(True), saved._offset)
                alias._autograd = Meta(self, i)
                saved = alias
            outputs.append(saved)
        hidden = create_graph and hidden_outputs(rule)
        inputs = [known.get(i) for i in range(len(rule.needs))]
        filled = [_unsaved(s) if t is None else t for t, s in zip(inputs, rule.code.inputs)] \
            if rule.code is not None else inputs
        saved = bind(rule, iter(filled), iter(self.numbers), outputs)
        if hidden:
            saved = bind(rule, iter(filled), iter(self.numbers), reveal(rule, saved, hidden))
        gradients = fill_absent(rule, gradients)
        with nullcontext() if create_graph else no_grad():
            results = run_gradient(rule, gradients, saved, [t._spec for t in filled])
        return [r if need else None for r, need in zip(results, rule.needs)]


def hidden_outputs(rule) -> list[int]:
    """The saved floating-point results that are not differentiable: statistics, say, that backward uses."""
    if rule.operator.body is None or not rule.saved:
        return []
    return [~s for s in rule.saved if s < 0 and not rule.grad_flags[~s] and rule.results[~s][1].dtype.category >= 2]


def reveal(rule, saved, hidden) -> list:
    """The results, with the hidden ones computed again so that the graph knows how they depend on the arguments."""
    op = rule.operator
    again = op.run_body([getattr(saved, p.name) for p in op.parameters])
    return [again[i] if i in hidden else o for i, o in enumerate(saved.outputs)]


def _unsaved(spec):
    """Stands for a tensor that was not saved: only gradients that nobody needs can depend on its elements."""
    from .creation import uninitialized
    return make(uninitialized(dense((spec.span,), spec.dtype))._storage, spec)


def _zeros(spec):
    from .creation import zeros
    return zeros(spec.shape, dtype=spec.dtype)


def fill_absent(rule, gradients) -> list:
    """The results' gradients, zeros for those that did not arrive, unless the operator can do without."""
    if not rule.operator.zero_gradients:
        return list(gradients)
    return [_zeros(rule.results[i][1]) if g is None else g for i, g in enumerate(gradients)]


def bind(rule, tensors, numbers, outputs) -> Saved:
    """The namespace that a gradient body sees."""
    named = {}
    for p, v in zip(rule.operator.parameters, rule.values):
        if p.type == "Tensor[]":
            named[p.name] = [next(tensors) for _ in v]
        elif p.is_tensor and hasattr(v, "plain"):
            named[p.name] = next(tensors)
        elif p.type in ("Scalar", "Tensor|Scalar") and v is not None:
            named[p.name] = next(numbers)
        else:
            named[p.name] = v
    return Saved(**named, outputs=outputs, output=outputs[0] if outputs else None)


def run_gradient(rule, gradients, saved: Saved, specs) -> list:
    """The gradient body, its results fitted to the inputs' shapes and dtypes."""
    op = rule.operator
    body = in_opmath_gradient(op.gradient_body) if op.opmath else op.gradient_body
    results = body(gradients[0] if rule.single else tuple(gradients), saved)
    results = list(results) if isinstance(results, (tuple, list)) else [results]
    if len(results) != len(specs):
        raise RuntimeError(f"flambeau: the gradient of {op.name} gave {len(results)} results for {len(specs)} tensor inputs")
    return [fit(r, s) if r is not None and need else None for r, s, need in zip(results, specs, rule.needs)]


def fit(gradient, spec):
    """Sum a gradient over the dimensions that broadcasting added, and cast it to the input's dtype."""
    if gradient.shape != spec.shape:
        gradient = sum_to_shape(gradient, spec.shape)
    if gradient.dtype is not spec.dtype:
        if gradient.dtype.is_complex and not spec.dtype.is_complex:
            gradient = gradient.real
        gradient = gradient.to(spec.dtype)
    return gradient


def sum_to_shape(x, shape):
    """The sum of ``x`` over broadcast dimensions, so that it has ``shape``."""
    if x.shape == tuple(shape):
        return x
    lead = x.ndim - len(shape)
    dims = list(range(lead)) + [lead + i for i, s in enumerate(shape) if s == 1 and x.shape[lead + i] != 1]
    if dims:
        x = x.sum(tuple(dims), keepdim=True)
    return x.reshape(shape) if lead else x


def in_opmath(body):
    """``body`` computing in float32 where its arguments are float16 or bfloat16, as PyTorch's kernels do.

    Results are rounded if what all of them promote to is a half too, and no argument asks for float32.
    """

    def wrapped(*values):
        tensors = [v for v in _flat(values) if isinstance(v, Tensor)]
        if not any(v.dtype in HALVES for v in tensors):
            return body(*values)
        result = body(*[_widen(v) for v in values])
        half = result_type_of(tensors)
        if half not in HALVES or any(v is dtypes.float32 for v in values):
            return result
        if isinstance(result, Tensor):
            return result.to(half) if result.dtype is dtypes.float32 else result
        return tuple(r.to(half) if r.dtype is dtypes.float32 else r for r in result)

    return wrapped


HALVES = (dtypes.float16, dtypes.bfloat16)


def _flat(values):
    for v in values:
        if isinstance(v, (tuple, list)):
            yield from v
        else:
            yield v


def _widen(value):
    if isinstance(value, Tensor):
        return value.to(dtypes.float32) if value.dtype in HALVES else value
    if isinstance(value, (tuple, list)) and any(isinstance(v, Tensor) for v in value):
        return type(value)(_widen(v) for v in value)
    return value


def in_opmath_gradient(body):
    """As ``in_opmath``, for a gradient body."""

    def wrapped(grad, saved):
        named = {name: _widen(value) for name, value in vars(saved).items()}
        return body(_widen(grad), Saved(**named))

    return wrapped


class Backward:
    """A planned backward: one instruction from gradients and saved tensors to the inputs' gradients.

    ``results`` has an entry per tensor input: None, ``("fresh", storage, spec, offset)`` or ``("alias", input, spec, offset)``.
    """

    __slots__ = ("code", "results", "uses", "used_saved", "gradients")

    def __init__(self, code, results, uses, gradients: int, used_saved):
        self.code = code
        self.results = results
        self.uses = uses
        self.gradients = gradients
        self.used_saved = used_saved

    def select(self, saved, gradients) -> None:
        """Express ``uses`` as positions in ``present gradients + saved tensors``."""
        present = [i for i, g in enumerate(gradients) if g is not None]
        position = {("g", i): k for k, i in enumerate(present)}
        position |= {("s", s): len(present) + k for k, s in enumerate(saved)}
        self.uses = [position[u] for u in self.uses]
        self.results = [r if r is None or r[0] == "fresh" else ("alias", position[r[1]], r[2], r[3]) for r in self.results]

    def launch(self, inputs: list, numbers) -> list:
        storages = record(self.code, [inputs[i] for i in self.uses], numbers) if self.code is not None else ()
        made = []
        for r in self.results:
            if r is None:
                made.append(None)
            elif r[0] == "fresh":
                made.append(make(storages[r[1]], r[2], r[3]))
            else:
                source = inputs[r[1]]
                made.append(make(source._storage, r[2], source._offset + r[3]))
        return made


class _BackwardOperator:
    """Names the instruction of a planned backward."""

    def __init__(self, op):
        self.name = f"{op.name}_backward"


def plan_backward(rule, grad_specs) -> Backward:
    """Trace the gradient body for gradients of these specs. Raises TraceError where it cannot be traced."""
    from .operator import Placeholders
    previous, state.enabled = state.enabled, False
    try:
        with _window.tracing() as window:
            holders = Placeholders(window)
            names: list = []

            def holder(spec, name):
                names.append(name)
                return holders.tensor(spec)

            given = [None if s is None else holder(s, ("g", i)) for i, s in enumerate(grad_specs)]
            inputs = [holder(s, ("s", i)) for i, s in enumerate(rule.code.inputs)]
            outputs = [holder(s, ("s", ~i)) for i, (_, s, _) in enumerate(rule.results)]
            numbers = [Param(k, n) for k, n in enumerate(_number_types(rule))]
            gradients = fill_absent(rule, given)
            saved = bind(rule, iter(inputs), iter(numbers), outputs)
            results = run_gradient(rule, gradients, saved, rule.code.inputs)
            return _finish(rule, window, holders, names, results, len(numbers))
    finally:
        state.enabled = previous


def _number_types(rule) -> list:
    return [v if isinstance(v, type) else v.__class__ if not isinstance(v, Param) else v.kind
            for p, v in zip(rule.operator.parameters, rule.values)
            if p.type in ("Scalar", "Tensor|Scalar") and v is not None and not hasattr(v, "plain")]


def _finish(rule, window, holders, names, results, numbers: int) -> Backward:
    if len(window.inputs) != len(holders.storages):
        raise TraceError(f"the gradient of {rule.operator.name} reads a tensor that is not its own")
    slots: list[int] = []
    specs, described, used = [], [], set()
    for r in results:
        if r is None:
            described.append(None)
            continue
        slot = r._storage.slot
        if slot < 0:
            name = names[-slot - 1]
            used.add(name)
            described.append(("alias", name, r._spec, r._offset))
            continue
        if slot not in slots:
            slots.append(slot)
            nbytes = r._storage.nbytes
            specs.append(r._spec if r._spec.nbytes == nbytes else make_spec((nbytes,), (1,), dtypes.uint8))
        described.append(("fresh", slots.index(slot), r._spec, r._offset))
    code_list, slots, scalars, reads = prune(window.code, slots, list(window.scalars))
    uses = [k for k in range(len(names)) if -k - 1 in reads]
    used |= {names[k] for k in uses}
    code = None
    if slots:
        renamed = {-k - 1: -j - 1 for j, k in enumerate(uses)}
        code_list = [rename(instruction, renamed) for instruction in code_list]
        trace = Trace(code_list, slots, scalars)
        code = Code(_BackwardOperator(rule.operator), rule, tuple([holders.specs[k] for k in uses]), tuple(specs), (), numbers, trace,
                    any(i[0].sited for i in code_list))
    return Backward(code, described, [names[k] for k in uses], len(rule.results), {n[1] for n in used if n[0] == "s"})


def prune(code: list, slots: list, scalars: list) -> tuple[list, list, list, set]:
    """What is needed for ``slots``: instructions, slots and scalars numbered anew, and the input slots that are read."""
    firsts, next_slot, first_scalars, next_scalar = [], 0, [], 0
    for instruction in code:
        firsts.append(next_slot)
        first_scalars.append(next_scalar)
        next_slot += len(instruction[0].outputs)
        next_scalar += instruction[0].scalars
    needed, live = set(slots), []
    for k in range(len(code) - 1, -1, -1):
        instruction = code[k]
        operands = [o[0] if o.__class__ is tuple else o for o in instruction[1:]]
        written = [operands[i] for i in instruction[0].mutates]
        if needed.intersection(range(firsts[k], firsts[k] + len(instruction[0].outputs))) or needed.intersection(written):
            needed.update(operands)
            live.append(k)
    live.reverse()
    renamed, kept_scalars = {}, []
    for k in live:
        for i in range(len(code[k][0].outputs)):
            renamed[firsts[k] + i] = len(renamed)
        kept_scalars += scalars[first_scalars[k]:first_scalars[k] + code[k][0].scalars]
    kept = [rename(code[k], renamed) for k in live]
    return kept, [renamed.get(s, s) for s in slots], kept_scalars, {s for s in needed if s < 0}


def rename(instruction, renamed):
    """The instruction with its slots renumbered."""
    operands = []
    for o in instruction[1:]:
        if o.__class__ is tuple:
            operands.append((renamed.get(o[0], o[0]), o[1]))
        else:
            operands.append(renamed.get(o, o))
    return (instruction[0], *operands)


def prepare(rule) -> None:
    """Decide, at the first differentiable use of a signature, what is saved for backward, and the class of its nodes."""
    name = rule.operator.node_name
    if name.__class__ is not str:
        name = name(rule.values)  # overloads of PyTorch's count their nodes
    rule.node_class = node_class(name)
    flags = rule.operator.differentiable_results
    rule.grad_flags = [s.dtype.category >= 2 and (flags is None or flags[i]) for i, (_, s, _) in enumerate(rule.results)]
    try:
        backward = plan_backward(rule, [dense(s.shape, s.dtype) if f else None for (_, s, _), f in zip(rule.results, rule.grad_flags)])
        rule.saved = tuple(sorted(backward.used_saved))
        if hidden_outputs(rule):  # a backward that is recorded computes them again, of all arguments
            rule.saved = tuple(sorted({*rule.saved, *range(len(rule.code.inputs))}))
    except TraceError:
        rule.saved = tuple(range(len(rule.code.inputs))) + tuple(~i for i in range(len(rule.results)))
        rule.untraced = True


@functools.cache
def node_class(name: str) -> type:
    """The class of an operator's nodes: programs that draw the graph read its name."""
    return type(name, (OperatorNode,), {"__slots__": (), "__module__": "torch.autograd"})


def new_node(rule, edges, saved, numbers) -> OperatorNode:
    """The node of an operator; saved-tensor hooks and anomaly mode see it."""
    node = rule.node_class(rule, edges, saved, numbers)
    observe(node)
    return node


def observe(node: OperatorNode) -> None:
    """Show a new node to saved-tensor hooks and anomaly mode."""
    if saved_hooks.stack and node.tensors:
        node.tensors = saved_hooks.Packed(node.tensors)
    if anomaly.enabled:
        node.line = _window.user_line()


def attach_all(rule, tensors, outputs, numbers=(), storages=None) -> None:
    """As ``attach``, for any number of results; those without a tensor in ``outputs`` lie in ``storages``."""
    if rule.saved is None:
        prepare(rule)
    edges = tuple([edge_of(t) if t._spec.requires_grad else None for t in tensors])
    saved = [tensors[i] if i >= 0 else _result(rule, ~i, outputs, storages) for i in rule.saved]
    node = new_node(rule, edges, saved, list(numbers))
    for i, (out, flag) in enumerate(zip(outputs, rule.grad_flags)):
        if flag:
            out._spec = out._spec.with_grad(True)
            out._autograd = Meta(node, i)


def _result(rule, i: int, outputs, storages) -> Tensor:
    """Result ``i`` without history."""
    if i < len(outputs):
        return make(outputs[i]._storage, outputs[i]._spec, outputs[i]._offset)
    number, spec, offset = rule.results[i]
    return make(storages[number], spec, offset)
