"""Operator signatures, and the Python functions that are made of them.

``"softmax(Tensor input, int dim, *, dtype? dtype=None)"`` names an operator's parameters in PyTorch's order with
PyTorch's defaults. Of it the operator's public function is written as source, so that a call costs one dictionary look-up and
no argument repacking, and so that ``inspect.signature`` and a debugger see a plain function.

Parameter types: ``Tensor``, ``Tensor?``, ``Tensor[]``, ``Tensor|Scalar`` (a number takes part at run time), ``Scalar`` (a number
that takes part at run time), and static ones, which become part of the signature: ``int``, ``int?``, ``int[]``, ``int[]?``,
``float``, ``float?``, ``bool``, ``str``, ``dtype?``, ``any``.
"""

from __future__ import annotations

import ast
import linecache
import operator as _operator
import re

import numpy as np

from ..compiler.graph import Param
from ..dtypes import dtype as _dtype
from ..dtypes import of_python_type
from ..tensor import Tensor

NUMBERS = (int, float, bool, complex)


class Parameter:
    """One parameter of an operator."""

    __slots__ = ("name", "type", "default", "required", "keyword_only")

    def __init__(self, name, type, default, required, keyword_only):
        self.name = name
        self.type = type
        self.default = default
        self.required = required
        self.keyword_only = keyword_only

    @property
    def is_tensor(self) -> bool:
        """Whether it is (or may be) a single tensor."""
        return self.type in ("Tensor", "Tensor?", "Tensor|Scalar")


class Schema:
    """The name and parameters of an operator."""

    __slots__ = ("name", "parameters")

    def __init__(self, text: str):
        match = re.fullmatch(r"\s*([\w.]+)\((.*)\)\s*", text, re.S)
        if match is None:
            raise ValueError(f"not a schema: {text!r}")
        self.name = match[1]
        self.parameters: list[Parameter] = []
        keyword_only = False
        for part in _split(match[2]):
            if part == "*":
                keyword_only = True
                continue
            declared, equals, default = part.partition("=")
            type, _, name = declared.strip().rpartition(" ")
            value = ast.literal_eval(default.strip()) if equals else None
            self.parameters.append(Parameter(name, type.strip(), value, not equals, keyword_only))


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and not depth:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return parts + [last] if last else parts


def key_expression(parameter: Parameter) -> str:
    """Source of a parameter's share of the signature key."""
    name = parameter.name
    if parameter.type == "Tensor":
        return f"{name}._spec"
    if parameter.type == "Tensor?":
        return f"None if {name} is None else {name}._spec"
    if parameter.type == "Tensor[]":
        return f"tuple([t._spec for t in {name}])"
    if parameter.type == "Tensor|Scalar":
        return f"{name}.__class__ if {name}.__class__ in NUMBERS else {name}._spec"
    if parameter.type == "Scalar":
        return f"{name}.__class__"
    return name


def head(schema: Schema, out: bool = False, variadic: str | None = None, numpy_names: bool = False) -> str:
    """Source of the function's parameter list; ``variadic`` names a parameter that takes all positional arguments left,
    or comes by keyword.

    With ``numpy_names`` keywords that are not its own are collected under that name.
    """
    pieces, star = [], False
    for p in schema.parameters:
        if p.name == variadic:
            pieces += [f"*{p.name}_", f"{p.name}=None"]
            star = True
            continue
        if (p.keyword_only or star) and not star:
            pieces.append("*")
            star = True
        # ``dim`` may come as ``axis``: that it is missing is seen only later.
        optional = not p.required or (numpy_names and p.name == "dim")
        pieces.append(f"{p.name}={p.default!r}" if optional else p.name)
    if out:
        if not star:
            pieces.append("*")
        pieces.append("out=None")
    if numpy_names:
        pieces.append("**numpy_names")
    return ", ".join(pieces)


NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def renamed(function: str, given: dict, others: dict) -> dict:
    """``given`` completed by arguments under NumPy's names; ``TypeError`` for unknown ones."""
    for name, value in others.items():
        own = NUMPY_NAMES.get(name)
        if own not in given:
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")
        given[own] = value
    return given


def compile_function(source: str, name: str, scope: dict, origin: str, doc: str | None):
    """Make the function that ``source`` defines; a debugger finds the source under ``<flambeau origin.name>``."""
    filename = f"<flambeau {origin}.{name}>"
    exec(compile(source, filename, "exec"), scope)  # our own text, made of the schema
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    function = scope[name]
    function.__module__ = "torch"
    function.__doc__ = doc
    return function


def normalize(function: str, position: int, parameter: Parameter, value):
    """A call's argument in the form that signatures are keyed by; ``TypeError`` where PyTorch raises it."""
    return value if parameter.type not in _NORMALIZERS else argument(function, parameter.name, parameter.type, value, position)


def argument(function: str, name: str, kind: str, value, position: int = 1):
    """``value`` as the ``position``-th argument, counted from zero, of a type of the schema's; ``TypeError`` names both."""
    try:
        return _NORMALIZERS[kind](value)
    except (TypeError, _Mismatch):
        raise TypeError(f"{function}(): argument '{name}' (position {position + 1}) must be "
                        f"{_PRINTED.get(kind, kind)}, not {describe(value)}") from None


def spread(values):
    """``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(values) == 1 and (values[0] is None or isinstance(values[0], (tuple, list, Tensor))):
        return values[0]
    return values


def spread_line(variadic: str | None) -> str:
    """Source that gives a variadic parameter its value."""
    return f"    {variadic} = spread({variadic}_) if {variadic} is None else {variadic}\n" if variadic else ""


class _Mismatch(Exception):
    pass


def describe(value) -> str:
    """The type of a wrong argument, as PyTorch's messages name it."""
    if isinstance(value, (tuple, list)) and value:
        return f"{type(value).__name__} of ({', '.join(type(v).__name__ for v in value)})"
    return type(value).__name__


def _tensor(value):
    if isinstance(value, Tensor):
        return value
    raise _Mismatch


def _optional(check):
    return lambda value: None if value is None else check(value)


def _tensors(value):
    if isinstance(value, (list, tuple)) and all(isinstance(v, Tensor) for v in value):
        return tuple(value)
    raise _Mismatch


def _number(value):
    if value.__class__ is int and not -(2**63) <= value < 2**64:
        raise OverflowError(f"int too big to convert: {value}")
    if value.__class__ in NUMBERS or value.__class__ is Param:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bool):
        return bool(value)
    for kind in (int, float, complex):
        if isinstance(value, kind):
            return kind(value)
    raise _Mismatch


def _number_argument(value):
    if isinstance(value, Tensor):
        if value.ndim or value.requires_grad:
            raise _Mismatch
        return value.item()
    return _number(value)


def _tensor_or_number(value):
    return value if isinstance(value, Tensor) else _number(value)


def _integer(value) -> int:
    if value.__class__ is not int:
        if isinstance(value, (bool, np.bool_, np.ndarray)) or (isinstance(value, Tensor) and (value.ndim or value.dtype.category != 1)):
            raise _Mismatch
        value = _operator.index(value)
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"Overflow when unpacking long long: {value}")
    return value


def _integers(value) -> tuple[int, ...]:
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], bool):
            raise _Mismatch
        return tuple([_element(v) for v in value])
    if isinstance(value, Tensor):
        return (_element(value),)
    return (_integer(value),)


def _element(value) -> int:
    """One of several integers: behind the first also a bool, and any tensor of one integer."""
    if value.__class__ is not int and isinstance(value, (float, np.bool_)):
        raise _Mismatch
    if not -(2**63) <= (number := _operator.index(value)) < 2**63:
        raise _Mismatch
    return number


def _float(value) -> float:
    if isinstance(value, (str, bytes, complex, np.ndarray)) or value is None:
        raise _Mismatch
    if isinstance(value, Tensor) and (value.ndim or value.requires_grad or value.dtype.is_complex):
        raise _Mismatch
    return float(value)


def _boolean(value) -> bool:
    if value.__class__ is bool:
        return value
    raise _Mismatch


def _string(value) -> str:
    if isinstance(value, str):
        return value
    raise _Mismatch


def _dtype_argument(value):
    found = of_python_type(value)
    if isinstance(found, _dtype):
        return found
    raise _Mismatch


_NORMALIZERS = {
    "Tensor": _tensor, "Tensor?": _optional(_tensor), "Tensor[]": _tensors, "Tensor|Scalar": _tensor_or_number,
    "Scalar": _number_argument, "int": _integer, "int?": _optional(_integer), "int[]": _integers, "int[]?": _optional(_integers),
    "float": _float, "float?": _optional(_float), "bool": _boolean, "bool?": _optional(_boolean), "str": _string,
    "str?": _optional(_string), "dtype?": _optional(_dtype_argument), "dtype": _dtype_argument,
}
_PRINTED = {"Tensor[]": "tuple of Tensors", "Tensor|Scalar": "Tensor", "int[]": "tuple of ints", "Scalar": "Number",
            "int[]?": "tuple of ints", "dtype?": "torch.dtype", "dtype": "torch.dtype", "Tensor?": "Tensor", "int?": "int",
            "float?": "float"}
