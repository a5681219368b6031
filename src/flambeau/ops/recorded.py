"""Functions that update many tensors in place, recorded as one instruction.

An optimizer step is such a function: its body runs once per signature on abstract tensors; afterwards a call appends a single
instruction, and the compiler sees the updates of all parameters together.
"""

from __future__ import annotations

from ..autograd.mode import state
from ..compiler.graph import TraceError
from ..lazy import window as _window
from ..lazy.window import record
from ..runtime.devices import meta
from .operator import Operator, Untraceable, trace_body
from .schema import compile_function, head, key_expression

# The end of a training step: a loop that never looks at a value still runs in windows of one step. What comes next in a
# loop (its losses, the next batch) is recorded while the step is computed.
_STEP_WEIGHT = 4
_CALL = """
def {name}({head}):
    found = codes.get(({key},))
    if found is None or found[3]:
        return call({values})
    record(found[0], [{tensors}], [{numbers}])
"""
_STEP_ENDS = """    current = window.current
    if current.weight > step_weight and not current.tracing:
        window.run(True)
"""


class RecordedFunction(Operator):
    """An operator that gives nothing back and writes those of its arguments that its body writes."""

    writes_any = True

    def __call__(self, *values, out=None):
        key = self.key(values)
        found = self.codes.get(key)
        if found is None:
            found = self.codes[key] = self._derive(values)
        code, _, _, direct = found
        if direct:
            self._run_directly(values)
            return
        record(code, *self.split(values))

    def compiled(self, ends_step: bool):
        """The function that programs call: as this object, without a step between a known signature and its record."""
        numbers = [p.name for p in self.parameters if p.type == "Scalar"]
        tensors = ["*" + p.name if p.type == "Tensor[]" else p.name for p in self.parameters if p.type in ("Tensor", "Tensor[]")]
        name = self.name.rpartition(".")[2]
        fields = {"name": name, "head": head(self.schema), "values": ", ".join([p.name for p in self.parameters]),
                  "key": ", ".join([key_expression(p) for p in self.parameters]),
                  "tensors": ", ".join(tensors), "numbers": ", ".join(numbers)}
        source = (_CALL + _STEP_ENDS * ends_step).format(**fields)
        scope = {"codes": self.codes, "call": self, "record": record, "window": _window, "step_weight": _STEP_WEIGHT}
        return compile_function(source, name, scope, "ops", self.doc)

    def _derive(self, values):
        if any(t._spec.device is meta for t in self.split(values)[0]):
            return None, (), True, True
        try:
            return trace_body(self, self.body, values)
        except (Untraceable, TraceError):
            return None, (), True, True

    def _run_directly(self, values) -> None:
        previous, state.enabled = state.enabled, False
        try:
            self.body(*values)
        finally:
            state.enabled = previous


def recorded(schema: str, *, ends_step: bool = True):
    """Decorator: make a function over tensors, lists of tensors and numbers one instruction; with ``ends_step`` what is pending
    runs then.

    The body must only write to its arguments (in place) and return nothing. ``Scalar`` parameters may change from call to call at no cost;
    they can only be operands of operators inside the body.
    """

    def declare(body):
        function = RecordedFunction(schema, body).compiled(ends_step)
        function.body = body
        return function

    return declare

