"""The factories of elementwise operators: promotion, broadcasting, ``out=``, in-place forms and methods come with them.

An elementwise operator is a primitive: one instruction whose ``extra`` is a ``Map``. Its gradient is written with operators.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..compiler.meanings import MEANINGS
from ..compiler.plans import TAKE_AS_IS, Map
from ..compiler.reference import narrow, widen
from ..dtypes import dtype, get_default_dtype
from ..lazy.spec import Spec
from ..tensor import Tensor
from .operator import Operator, publish
from .partial_dtypes import check_elementwise
from .promotion import broadcast_shapes, elementwise_spec, result_type_of


def operand_order(op: Operator, values) -> tuple:
    """Where each operand of an elementwise call comes from."""
    order, tensors, numbers = [], 0, 0
    for p, v in zip(op.parameters, values):
        if isinstance(v, Tensor):
            order.append(("t", tensors))
            tensors += 1
        elif p.type in ("Scalar", "Tensor|Scalar") and v is not None:
            order.append(("n", numbers))
            numbers += 1
    return tuple(order)


def map_reference(function):
    """The NumPy meaning of an elementwise instruction, by ``function`` on arrays of the compute type."""

    def reference(code, arrays, numbers):
        plan: Map = code.extra
        kind = plan.compute.compute
        rounds = plan.compute.name in ("float16", "bfloat16") and plan.op not in TAKE_AS_IS
        operands = []
        for where, i in plan.operands:
            if where == "t":
                array = widen(arrays[i], code.inputs[i].dtype)
                operands.append(array if array.dtype == kind else _cast(array, kind))
            else:
                operands.append(np.asarray(numbers[i]).astype(kind) if not _overflows(numbers[i], kind) else _wrap(numbers[i], kind))
            if rounds and (where == "n" or code.inputs[i].dtype is not plan.compute):
                operands[-1] = widen(narrow(operands[-1], plan.compute), plan.compute)
        return (function(*operands),)

    return reference


def _cast(array, kind):
    if array.dtype.kind == "c" and kind.kind != "c":
        array = array.real
    return array.astype(kind)


def _overflows(number, kind) -> bool:
    return isinstance(number, int) and kind.kind in "iu" and not np.iinfo(kind).min <= number <= np.iinfo(kind).max


def _wrap(number: int, kind):
    if not -(2**63) <= number < 2**64:
        raise OverflowError(f"int too big to convert: {number}")
    return np.asarray(number & (2 ** (kind.itemsize * 8) - 1), dtype=f"u{kind.itemsize}").view(kind)


def _infer(rule):
    """A shape rule of elementwise operators; ``rule(values) -> (compute dtype, result dtype)``."""

    def infer(op, specs, values):
        compute, out = rule(op, [v for v in values if not isinstance(v, str)])
        check_elementwise(op.name, compute, len(specs))
        shape = broadcast_shapes(*[s.shape for s in specs]) if specs else ()
        return (elementwise_spec(specs, shape, out),), Map(op.lowering, compute, out, operand_order(op, values))

    return infer


def _same(op, values):
    d = result_type_of(values)
    return d, d


def _floating(op, values):
    d = result_type_of(values)
    if d.category < 2:
        d = get_default_dtype()
    return d, d


def _comparing(op, values):
    return result_type_of(values), dtypes.bool_


def _testing(op, values):
    return result_type_of(values), dtypes.bool_


RULES = {"same": _same, "float": _floating, "compare": _comparing, "test": _testing}

REFUSALS: dict = {}


def _guarded(rule, refuse):
    """``rule`` that refuses dtypes for which PyTorch has no kernel: ``refuse`` names kinds such as ``"b"`` or ``"c"``."""
    if not refuse:
        return rule

    def guarded(op, values):
        compute, out = rule(op, values)
        if compute.kind in refuse:
            raise refusal(op.name, compute, refuse)
        return compute, out

    return guarded


def refusal(name: str, d: dtype, refuse: str) -> Exception:
    """PyTorch's error for a dtype that an operator has no kernel for."""
    message = f'"{name}" not implemented for \'{dtypes.SCALAR_NAMES[d.name]}\''
    return NotImplementedError(message)


def elementwise(schema: str, function, *, rule="same", lowering: str | None = None, refuse: str = "", method: bool = True, out: bool = True,
                inplace: bool | str = True, namespace: str | None = "torch", aliases: tuple[str, ...] = (), doc: str = "",
                infer=None, translated: bool = False) -> Operator:
    """Declare an elementwise operator.

    ``function`` is its NumPy meaning on arrays of the compute type. ``rule`` names how dtypes go: ``same`` (promoted),
    ``float`` (integers become the default dtype), ``compare``/``test`` (bool result), or a function
    ``rule(op, values) -> (compute dtype, result dtype)``. ``lowering`` is the kernel generator's name of it.
    ``inplace`` gives ``name_`` as a function and a method, ``"method"`` as a method alone. ``refuse`` names kinds of
    dtype ('b', 'i', 'f', 'c') that PyTorch refuses. ``translated``: ``function`` is straight NumPy, which the compiler makes
    its kernels from.
    """
    chosen = _guarded(RULES[rule] if isinstance(rule, str) else rule, refuse)
    op = Operator(schema, infer=infer or _infer(chosen), reference=map_reference(function))
    op.lowering = lowering or op.name
    op.doc = doc
    if translated:
        MEANINGS[op.lowering] = function
    publish(op, method=method, out=out, inplace=inplace is True, namespace=namespace, aliases=aliases)
    if inplace == "method":
        from .inplace import publish_inplace
        publish_inplace(op, (op.name, *aliases), None)
    return op.function


def unary(name: str, function, **options):
    """Declare an elementwise operator of one tensor; see ``elementwise``."""
    return elementwise(f"{name}(Tensor input)", function, **options)


def binary(name: str, function, **options):
    """Declare an elementwise operator of a tensor and a tensor or number; see ``elementwise``."""
    return elementwise(f"{name}(Tensor input, Tensor|Scalar other)", function, **options)


def spec_of(value) -> Spec:
    """A tensor's or placeholder's spec."""
    return value._spec if isinstance(value, Tensor) else value
