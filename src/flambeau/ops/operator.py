"""Operators: declaration, signatures and the call.

An operator is declared once: ``operator`` for a body written with other operators, ``primitive`` for a NumPy meaning with
a shape rule. The first call with a signature (specs of the tensors, static arguments, types of numbers) builds a ``Rule``; later
calls find it in ``rules`` and record one instruction.
"""

from __future__ import annotations

import weakref

from ..autograd.mode import state
from ..compiler.graph import Param, Trace
from ..lazy import window as _window
from ..lazy.spec import spec as make_spec
from ..lazy.storage import Storage, new_storage
from ..lazy.window import Code, TraceError, record, record1, record2
from ..runtime import devices
from ..tensor import Tensor, make
from . import overrides
from .registry import export
from .schema import NUMBERS, Schema, compile_function, head, key_expression, normalize, renamed, spread, spread_line

_new = object.__new__
MAX_RULES = 8192  # signatures that an operator remembers
every: weakref.WeakSet = weakref.WeakSet()  # all operators, also those without a public name


class Untraceable(Exception):
    """The body cannot be recorded as one instruction: it is run operator by operator instead."""


def _attach(rule, tensors, out, numbers=(), storages=None):
    from .attaching import attach
    return attach(rule, tensors, out, numbers, storages)


class Rule:
    """What is known of an operator for one signature.

    ``results`` describes each result: ``(fresh storage number, spec, byte offset)``. ``needs`` says which tensor inputs require grad.
    ``values`` are the arguments with placeholders for the tensors; ``saved`` names what backward reads.
    """

    __slots__ = ("operator", "code", "spec", "grad_spec", "results", "differentiable", "needs", "values", "single",
                 "saved", "untraced", "backwards", "direct", "meta", "grad_flags", "node_class", "attach")

    def __init__(self, operator, code, results, values, single):
        self.operator = operator
        self.code = code
        self.results = results
        self.values = values
        self.single = single
        self.spec = results[0][1] if results else None
        self.grad_spec = None
        self.differentiable = False
        self.needs: tuple[bool, ...] = ()
        self.saved = None
        self.untraced = False  # backward runs the gradient body itself
        self.grad_flags: list[bool] = []
        self.backwards: dict = {}
        self.direct = False
        self.attach = _attach  # gives a result its history; by a function of its own from the second call on
        self.meta = False  # an argument has no memory: only shapes are computed


class Operator:
    """One operator. ``body`` is its meaning for composites; primitives have ``infer`` and ``reference`` instead.

    ``infer(operator, specs, values)`` gives ``(output specs, extra)``; ``reference(code, arrays, numbers)`` gives the output arrays.
    """

    def __init__(self, schema: str, body=None, *, infer=None, reference=None, lowering=None, opmath: bool = False, sited: bool = False,
                 immediate: bool = False, mutates: tuple[int, ...] = ()):
        self.schema = Schema(schema)
        self.name = self.schema.name
        self.parameters = self.schema.parameters
        self.body = body
        self.infer = infer
        self.reference = reference
        self.lowering = lowering
        self.opmath = opmath
        self.sited = sited
        self.immediate = immediate
        self.mutates = mutates
        self.gradient_body = None
        self.differentiable_results = None  # which results carry gradients; None: all floating-point ones
        self.rules: dict = {}  # signatures that the public function may use directly
        self.others: dict = {}  # signatures that need the general path
        self.aside: dict = {}  # ``rules``, while a mode asks for the general path always
        self.codes: dict = {}
        every.add(self)
        self.doc = (body.__doc__ if body is not None else None)
        self.function = None
        self.node_name = "".join(w.capitalize() for w in self.name.rpartition(".")[2].split("_")) + "Backward0"

    def __repr__(self) -> str:
        return f"<operator {self.name}>"

    def gradient(self, function):
        """Decorator: ``function(grad, saved)`` gives the gradient of each tensor input (one, or a tuple; None for none).

        ``saved`` has the arguments by name and ``output`` (or ``outputs``). What it reads of them is what is kept.
        """
        self.gradient_body = function
        return function

    def function_of(self, values):
        """The result for arguments in the order of the schema."""
        return self(*values)

    # -- the call --------------------------------------------------------------------------------------------------

    def __call__(self, *values, out=None):
        """The general path: any arguments, in the order of the schema."""
        if overrides.active(values):
            return overrides.dispatch(self, values, out)
        rule = self.known(values)
        if rule is None:
            values = self.normalized(values)
            rule = self.find(values)
        result = self.launch(rule, values)
        if out is None:
            return result
        if self.exact_out and isinstance(out, Tensor) and out.dtype is not result.dtype:
            raise RuntimeError(f"{self.name}(): Expected out tensor to have dtype {result.dtype}, but got {out.dtype} instead")
        return overrides.write_out(self.name, result, out, self.split(values)[0])

    def known(self, values) -> Rule | None:
        """The rule of a call whose arguments are already in the form of a signature that was seen."""
        try:
            key = self.key(values)
            rule = self.rules.get(key) or self.others.get(key) or self.aside.get(key)
        except (TypeError, AttributeError):
            return None
        return None if rule is None or rule.direct else rule

    def normalized(self, values) -> tuple:
        """The arguments in the form that signatures are keyed by."""
        return tuple([normalize(self.name, i, p, v) for i, (p, v) in enumerate(zip(self.parameters, values))])

    def key(self, values) -> tuple:
        """The signature of a call."""
        key = []
        for p, v in zip(self.parameters, values):
            if isinstance(v, Tensor):
                key.append(v._spec)
            elif p.type == "Tensor[]":
                key.append(tuple([t._spec for t in v]))
            elif p.type in ("Scalar", "Tensor|Scalar"):
                key.append(v.kind if v.__class__ is Param else v.__class__)
            else:
                key.append(v)
        return tuple(key)

    def find(self, values) -> Rule:
        """The rule of this signature; built at first sight."""
        key = self.key(values)
        try:
            rule = self.rules.get(key) or self.others.get(key) or self.aside.get(key)
        except TypeError:  # an unhashable static argument: nothing to remember it by
            return self.build(values)
        if rule is None:
            rule = self.build(values)
            self.remember(key, rule)
        return rule

    def remember(self, key, rule: Rule) -> None:
        """Keep a rule: for the public function to use directly where a call is one instruction and nothing else."""
        if len(self.rules) + len(self.others) >= MAX_RULES:
            for cache in (self.rules, self.others, self.codes):
                cache.clear()
        alone = (rule.single or self.launches) and rule.results and not (rule.direct or rule.meta or self.mutates or overrides.in_key(key))
        fast = (alone and self.records and not self.sited and (self.launches or (not rule.code.sited and rule.results[0][2] == 0))
                and not (rule.differentiable and self.gradient_body is None))
        (self.others if not fast else self.aside if overrides.suspended else self.rules)[key] = rule

    def launch(self, rule: Rule, values):
        """Record the instruction (or run the body) and wrap the results."""
        if rule.direct or (rule.differentiable and state.enabled and self.gradient_body is None):
            return self.shown(self.run_body(values))
        tensors, numbers = self.split(values)
        if rule.meta:
            storages = [new_storage(None, spec.nbytes) for spec in rule.code.outputs]
        else:
            storages = record(rule.code, tensors, numbers)
        return self.wrap(rule, tensors, numbers, storages)

    def wrap(self, rule: Rule, tensors, numbers, storages):
        """The results that the caller gets, over the storages of all."""
        outputs = [make(storages[i], spec, offset) for i, spec, offset in rule.results[:self.visible]]
        if rule.differentiable and state.enabled:
            from .gradient import attach_all
            attach_all(rule, tensors, outputs, numbers, storages)
        return outputs[0] if rule.single or self.visible == 1 else tuple(outputs)

    def run_body(self, values):
        """Run the body on the arguments themselves, operator by operator."""
        return self.body(*values)

    def shown(self, results):
        """Of the body's results, those that the caller gets."""
        if self.visible is None or isinstance(results, Tensor):
            return results
        return results[0] if self.visible == 1 else results[:self.visible]

    def split(self, values) -> tuple[list, list]:
        """The tensors and the run-time numbers of a call, in order."""
        tensors: list = []
        numbers: list = []
        for p, v in zip(self.parameters, values):
            if isinstance(v, Tensor):
                tensors.append(v)
            elif p.type == "Tensor[]":
                tensors.extend(v)
            elif p.type in ("Scalar", "Tensor|Scalar") and v is not None:
                numbers.append(v)
        return tensors, numbers

    # -- signatures ------------------------------------------------------------------------------------------------

    def build(self, values) -> Rule:
        """The rule of a signature seen for the first time. Wrong shapes and dtypes raise here."""
        tensors, _ = self.split(values)
        code_key = self.code_key(values)
        found = self.codes.get(code_key) if code_key is not None else None
        if found is None:
            found = self.derive(values)
            if code_key is not None:
                self.codes[code_key] = found
        code, results, single, direct = found
        rule = Rule(self, code, results, values=placeholders(values), single=single)
        rule.direct = direct
        if any(t._spec.device is devices.meta for t in tensors):
            rule.meta = True
            rule.results = tuple([(i, s if s.device is devices.meta else make_spec(s.shape, s.stride, s.dtype, devices.meta), o)
                                  for i, s, o in rule.results])
            rule.spec = rule.results[0][1] if rule.results else None
        rule.needs = tuple([t._spec.requires_grad for t in tensors])
        results = rule.results
        if any(rule.needs) and not direct:
            flags = self.differentiable_results
            grads = [s.dtype.category >= 2 and (flags is None or flags[i]) for i, (_, s, _) in enumerate(results)]
            rule.differentiable = any(grads) and self.differentiable
            if results:
                rule.grad_spec = rule.spec.with_grad(grads[0])
        return rule

    differentiable = True
    visible: int | None = None  # how many results the caller gets, where the others are kept for backward alone
    launches = False  # the public function takes optional tensors or gives several results, in its quick path too
    writes_any = False  # a recorded function may write to any of its arguments
    zero_gradients = True  # whether the gradient gets zeros for results that none arrived for; else None
    exact_out = False  # whether ``out=`` must have the result's own dtype
    writer = None  # ``writer(target, *others)`` writes the result into its first argument without a copy of it
    records = True  # False where a call makes no instruction, as of views

    def code_key(self, values):
        key = []
        for k in self.key(values):
            if k.__class__ is tuple:
                k = tuple([getattr(e, "plain", e) for e in k])
            key.append(getattr(k, "plain", k))
        key = tuple(key)
        try:
            hash(key)
        except TypeError:
            return None
        return key

    def derive(self, values):
        """``(code, results, single, direct)`` of a signature."""
        if self.immediate:
            return None, (), True, True
        if self.body is None:
            return self.derive_primitive(values)
        try:
            return trace_body(self, self.traced_body(), values)
        except (Untraceable, TraceError):
            return None, (), True, True

    def derive_primitive(self, values):
        """As ``derive``, by the primitive's own shape rule."""
        tensors, numbers = self.split(values)
        specs = tuple([t._spec.plain for t in tensors])
        outputs, extra = self.infer(self, specs, values)
        code = Code(self, placeholders(values), specs, tuple(outputs), self.mutates, len(numbers), None, self.sited)
        code.extra = extra
        results = tuple([(i, s, 0) for i, s in enumerate(outputs)])
        return code, results, len(outputs) == 1, False

    def traced_body(self):
        if not self.opmath:
            return self.body
        from .gradient import in_opmath
        return in_opmath(self.body)


def placeholders(values):
    """The arguments with tensors replaced by their specs and numbers by their types: nothing is kept alive by them."""
    kept = []
    for v in values:
        if isinstance(v, Tensor):
            v = v._spec
        elif isinstance(v, tuple) and v and isinstance(v[0], Tensor):
            v = tuple([t._spec for t in v])
        kept.append(v)
    return tuple(kept)


class Placeholders:
    """Abstract tensors for tracing: slots -1, -2, ... of a tracing window."""

    def __init__(self, window):
        self.window = window
        self.specs: list = []
        self.storages: list[Storage] = []

    def tensor(self, spec) -> Tensor:
        storage = Storage(None, spec.nbytes)
        storage.epoch = self.window.epoch
        self.storages.append(storage)
        self.specs.append(spec)
        storage.slot = -len(self.storages)
        self.window.inputs.append(storage)
        return make(storage, spec)


def trace_body(op, body, values):
    """Record ``body`` on abstract tensors: ``(code, results, single, direct)``."""
    previous = state.enabled
    state.enabled = False
    try:
        with _window.tracing() as window:
            holders = Placeholders(window)
            scalars: list[Param] = []

            def abstract(parameter, value):
                if isinstance(value, Tensor):
                    return holders.tensor(value._spec.plain)
                if parameter.type == "Tensor[]":
                    return tuple([holders.tensor(t._spec.plain) for t in value])
                if parameter.type in ("Scalar", "Tensor|Scalar") and value is not None:
                    scalars.append(Param(len(scalars), value.__class__))
                    return scalars[-1]
                return value

            result = body(*[abstract(p, v) for p, v in zip(op.parameters, values)])
            return finish_trace(op, window, holders, result, len(scalars), placeholders(values))
    finally:
        state.enabled = previous


def finish_trace(op, window, holders, result, scalars: int, attrs):
    """Turn a traced window and the body's result into a code and its results."""
    if len(window.inputs) != len(holders.storages):
        raise Untraceable("the body reads a tensor that is not its argument")
    single = isinstance(result, Tensor)
    outputs = () if result is None else (result,) if single else tuple(result)
    slots: list[int] = []
    results = []
    specs = []
    for tensor in outputs:
        slot = tensor._storage.slot
        if tensor._storage.epoch != window.epoch:
            raise Untraceable("a result was made outside the body")
        if slot < 0:
            if op.mutates:  # an in-place operator gives its argument back
                continue
            raise Untraceable("a result shares memory with an argument")
        if slot not in slots:
            slots.append(slot)
            nbytes = tensor._storage.nbytes
            specs.append(tensor._spec if tensor._spec.nbytes == nbytes else make_spec((nbytes,), (1,), _uint8()))
        results.append((slots.index(slot), tensor._spec, tensor._offset))
    mutated = sorted({-o[0] - 1 if o.__class__ is tuple else -o - 1
                      for instruction in window.code for o in [instruction[1 + i] for i in instruction[0].mutates]
                      if (o[0] if o.__class__ is tuple else o) < 0})
    if not op.writes_any and tuple(mutated) != tuple(sorted(op.mutates)):
        raise Untraceable("the body writes to its arguments")
    trace = Trace(list(window.code), slots, list(window.scalars))
    sited = any(instruction[0].sited for instruction in window.code)
    code = Code(op, attrs, tuple(holders.specs), tuple(specs), tuple(mutated), scalars, trace, sited)
    return code, tuple(results), single, False


def _uint8():
    from ..dtypes import uint8
    return uint8


# -- making public functions -----------------------------------------------------------------------------------------

_KNOWN = """
def {name}({head}):
{renaming}    rule = None
    try:
        rule = rules[{key}]
    except (KeyError, AttributeError, TypeError):
        pass
    if rule is None:
        return call({values}{out_argument})
"""

_RESULT = """    out_._autograd = None
    if rule.differentiable and state.enabled:
        {attach}
    return out_
"""

_FAST = _KNOWN + """{guard}{numbers}{record}
    out_ = new(Tensor)
    out_._storage = storage
    out_._spec = rule.spec
    out_._offset = 0
""" + _RESULT

_LAUNCH = _KNOWN + """{guard}    tensors = {tensors}
    storages = record(rule.code, tensors)
    if not alone and not rule.single:
        return wrap(rule, tensors, (), storages)
    out_ = new(Tensor)
    number, out_._spec, out_._offset = rule.results[0]
    out_._storage = storages[number]
""" + _RESULT

_GENERAL = """
def {name}({head}):
{renaming}{spread}    return call({values}{out_argument})
"""


def _reduces(op: Operator) -> bool:
    """Whether the operator takes ``dim``, and nothing that must be given after it."""
    names = [p.name for p in op.parameters]
    return "dim" in names and not any(p.required for p in op.parameters[names.index("dim") + 1:])


def make_function(op: Operator, *, out: bool = False, variadic: str | None = None, name: str | None = None):
    """The public function of an operator, from its schema."""
    name = name or op.name.rpartition(".")[2]
    values = ", ".join(p.name for p in op.parameters)
    types = [p.type for p in op.parameters]
    op.launches = op.visible is not None or "Tensor?" in types
    static = not ("Tensor[]" in types or "Scalar" in types or (op.launches and "Tensor|Scalar" in types))
    scope = {"rules": op.rules, "call": op, "record": record, "record1": record1, "record2": record2, "new": _new,
             "Tensor": Tensor, "state": state, "NUMBERS": NUMBERS, "spread": spread, "renamed": renamed}
    numpy_names = variadic is None and _reduces(op)
    given = ", ".join(f"{n}={n}" for n in [p.name for p in op.parameters] + ["out"] * out)
    renaming = f"    if numpy_names:\n        return {name}(**renamed({name!r}, dict({given}), numpy_names))\n" if numpy_names else ""
    fields = {"name": name, "head": head(op.schema, out, variadic, numpy_names), "values": values,
              "out_argument": ", out=out" if out else "", "renaming": renaming}
    fast = static and variadic is None and "Tensor" in types and not op.mutates and not op.immediate \
        and op.records and not op.sited
    if not fast:
        return compile_function(_GENERAL.format(spread=spread_line(variadic), **fields), name, scope, "ops", op.doc)
    fields["key"] = ", ".join(key_expression(p) for p in op.parameters) + ("," if len(op.parameters) == 1 else "")
    fields["guard"] = f"    if out is not None:\n        return call({values}, out=out)\n" if out else ""
    if op.launches:
        scope |= {"wrap": op.wrap, "alone": op.visible == 1}
        source = _LAUNCH.format(tensors=_present(op.parameters), attach="return rule.attach(rule, tensors, out_, (), storages)", **fields)
    else:
        source = _FAST.format(**_recording(op.parameters), **fields)
    return compile_function(source, name, scope, "ops", op.doc)


def _recording(parameters) -> dict:
    """Source that records a call whose tensors are all given, and of what its node is made."""
    numbers = [p.name for p in parameters if p.type == "Tensor|Scalar"]
    ordered = [p.name for p in parameters if p.type in ("Tensor", "Tensor|Scalar")]
    operands = ", ".join(ordered)
    plain = f"record{len(ordered)}(rule.code, {operands})" if len(ordered) <= 2 else f"record(rule.code, ({operands}))[0]"
    made = {"numbers": "", "record": f"    storage = {plain}", "attach": f"return rule.attach(rule, ({operands},), out_)"}
    if len(numbers) > 1:
        made["numbers"] = (f"    tensors_ = [v for v in ({operands}) if v.__class__ not in NUMBERS]\n"
                           f"    numbers_ = [v for v in ({operands}) if v.__class__ in NUMBERS]\n")
        made["record"] = "    storage = record(rule.code, tensors_, numbers_)[0]"
        made["attach"] = "return rule.attach(rule, tensors_, out_, numbers_)"
    elif numbers:
        number = numbers[0]
        rest = ", ".join(n for n in ordered if n != number)
        made["record"] = (f"    if {number}.__class__ in NUMBERS:\n"
                          f"        storage = record(rule.code, ({rest},), ({number},))[0]\n"
                          f"    else:\n        storage = {plain}")
        made["attach"] = (f"if {number}.__class__ in NUMBERS:\n            return rule.attach(rule, ({rest},), out_, ({number},))\n"
                          f"        return rule.attach(rule, ({operands},), out_)")
    return made


def _present(parameters) -> str:
    """Source of the tuple or list of a call's tensors."""
    optional = [p.name for p in parameters if p.type == "Tensor?"]
    given = [p.name for p in parameters if p.type == "Tensor"]
    every = ", ".join(p.name for p in parameters if p.is_tensor)
    if not optional:
        return f"({every},)"
    if len(optional) == 1:
        return f"({', '.join(given)},) if {optional[0]} is None else ({every},)"
    return f"[t for t in ({every},) if t is not None]"


def publish(op: Operator, *, method: bool | str = False, namespace: str | None = "torch", out: bool = False,
            inplace: bool = False, variadic: str | None = None, aliases: tuple[str, ...] = ()):
    """Export an operator: the function into its namespace, the Tensor method, ``name_``, and further names."""
    op.function = make_function(op, out=out)
    op.function.operator = op
    op.function.gradient = op.gradient
    names = (op.name, *aliases)
    if namespace is not None:
        for name in names:
            export(namespace, name, op.function)
    if method:
        as_method = _method(op, variadic) if variadic or out else op.function
        for name in ((method,) if isinstance(method, str) else names):
            setattr(Tensor, name, as_method)
    if inplace:
        from .inplace import publish_inplace
        publish_inplace(op, names, namespace)
    overrides.remember(op)
    return op


def _method(op: Operator, variadic: str | None):
    """The function that is bound as the method: sizes may come one by one, and there is no ``out``."""
    made = make_function(op, variadic=variadic)
    made.operator, made.gradient = op, op.gradient
    overrides.offer_as(made, op)
    return made


def operator(schema: str, *, method: bool | str = False, namespace: str | None = "torch", out: bool = False, inplace: bool = False,
             variadic: str | None = None, aliases: tuple[str, ...] = (), opmath: bool = False, visible: int | None = None):
    """Decorator: declare a composite operator by its body. The caller gets the first ``visible`` results; backward has them all."""

    def declare(body):
        op = Operator(schema, body, opmath=opmath)
        op.visible = visible
        publish(op, method=method, namespace=namespace, out=out, inplace=inplace, variadic=variadic, aliases=aliases)
        return op.function

    return declare
