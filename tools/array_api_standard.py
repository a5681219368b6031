"""The Python array API standard as data: its functions, their signatures and special cases, read from its own text.

The text is a module of the package ``types-array-api`` (``array_api/_2024_12.py``), which is generated from the standard.
It is only parsed, never imported.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

NAMESPACES = {"ArrayNamespace": "", "LinalgNamespace": "linalg.", "FftNamespace": "fft."}
REQUIRED = inspect.Parameter.empty


class Function(NamedTuple):
    """A function (``linalg.svd``) or a method (``Array.__add__``) of the standard."""

    name: str
    text: str
    signature: inspect.Signature


class SpecialCase(NamedTuple):
    """What a function must give for some arguments: the sentence, arguments it speaks of, and whether a result is right."""

    sentence: str
    arguments: list[tuple]
    accepts: Callable[..., bool]


def read(path: Path) -> dict[str, Function]:
    """All functions and methods of the standard by name."""
    # Type parameters of classes are newer than the oldest Python that runs this; nothing here needs them.
    text = re.sub(r"^class (\w+)\[.*?\]\(", r"class \1(", path.read_text(), flags=re.M)
    text = re.sub(r"^type .*$", "", text, flags=re.M)
    classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    found = {}
    for namespace, prefix in NAMESPACES.items():
        for node in classes[namespace].body:
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.annotation, ast.Subscript):
                continue
            declared = classes.get(ast.unparse(node.annotation.value))
            call = next((f for f in declared.body if isinstance(f, ast.FunctionDef)), None) if declared else None
            if call is not None and call.name == "__call__":
                name = prefix + ast.unparse(node.target)
                found[name] = Function(name, ast.get_docstring(declared) or "", signature_of(call))
    for node in classes["Array"].body:
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            name = f"Array.{node.name}"
            found[name] = Function(name, ast.get_docstring(node) or "", signature_of(node))
    return found


def signature_of(node: ast.FunctionDef) -> inspect.Signature:
    """The signature after ``self``."""
    kinds = inspect.Parameter
    given = node.args
    positional = [(argument, kinds.POSITIONAL_ONLY) for argument in given.posonlyargs]
    positional += [(argument, kinds.POSITIONAL_OR_KEYWORD) for argument in given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    parameters = [
        kinds(argument.arg, kind, default=default_of(default)) for (argument, kind), default in zip(positional, defaults, strict=True)
    ][1:]
    if given.vararg:
        parameters.append(kinds(given.vararg.arg, kinds.VAR_POSITIONAL))
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        parameters.append(kinds(argument.arg, kinds.KEYWORD_ONLY, default=default_of(default)))
    return inspect.Signature(parameters)


def default_of(node: ast.expr | None) -> Any:
    return REQUIRED if node is None else ast.literal_eval(node)


def signature_faults(expected: inspect.Signature, actual: inspect.Signature) -> Iterator[str]:
    """Where a call that the standard allows would not be understood as it says."""
    has = actual.parameters
    takes_any_keyword = any(p.kind is p.VAR_KEYWORD for p in has.values())
    places = [p for p in has.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_any_place = any(p.kind is p.VAR_POSITIONAL for p in has.values())
    wanted = [p for p in expected.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(places) < len(wanted) and not takes_any_place:
        yield f"takes {len(places)} arguments by position, the standard has {len(wanted)}"
    for place, parameter in enumerate(expected.parameters.values()):
        name = parameter.name
        if parameter.kind is parameter.VAR_POSITIONAL:
            if not takes_any_place:
                yield f"takes no *{name}"
        elif parameter.kind is parameter.KEYWORD_ONLY and name not in has and not takes_any_keyword:
            yield f"has no keyword {name}"
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD and (place >= len(places) or places[place].name != name):
            yield f"its argument {place} is not named {name}"
        elif name in has and parameter.default is not REQUIRED and has[name].default != parameter.default:
            yield f"{name} is {has[name].default!r} by default, the standard says {parameter.default!r}"


# Special cases. Conditions are read as predicates and tried on these values.
REALS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1.5, -2.5, 7.0, -1e3, 2.0**23 + 1]
CONDITION = re.compile(r"``(?P<abs>abs\()?(?P<name>x_i|x1_i|x2_i|self_i|other_i|a|b)\)?`` (?:is|has) (?P<what>.*)")
SENTENCE = re.compile(r"^\s*-\s+If (.*?), the result (?:is|has) (.*)$")
SIGNS = {"+": 1.0, "-": -1.0}


def special_cases(function: Function) -> Iterator[SpecialCase]:
    """The special cases in a function's text that concern single elements."""
    names: list[str] = []
    complex_part = False
    for line in function.text.splitlines():
        if re.match(r"\s*For (real|complex).*operand", line) or "operands" in line and line.strip().startswith("For "):
            complex_part = line.strip().startswith("For complex")
        match = SENTENCE.match(line)
        if not match:
            continue
        names = operand_names(function)
        if complex_part:
            names = ["a", "b"] if names == ["x_i"] else []
        case = read_case(line.strip()[2:].strip(), match.group(1), match.group(2), names) if names else None
        if case is not None and case.arguments:
            yield case


def operand_names(function: Function) -> list[str]:
    for names in (["x1_i", "x2_i"], ["x_i"], ["self_i", "other_i"], ["self_i"]):
        if f"``{names[-1]}``" in function.text:
            return names
    return ["a"] if "``a``" in function.text else []


def read_case(sentence: str, conditions: str, result: str, names: list[str]) -> SpecialCase | None:
    predicate = read_conditions(conditions, names)
    accepts = read_result(result, names)
    if predicate is None or accepts is None:
        return None
    arguments = [values for values in itertools.product(REALS, repeat=len(names)) if predicate(*values)]
    if names == ["a", "b"]:
        arguments = [(complex(*values),) for values in arguments]
    return SpecialCase(sentence, arguments, accepts)


def read_conditions(text: str, names: list[str]) -> Callable[..., bool] | None:
    """``x1_i`` is ... and ``x2_i`` is ...; None where a part is not understood."""
    text = re.sub(r"^either (``\w+``) or (``\w+``) is (``[^`]+``)$", r"\1 is \3 or \2 is \3", text)
    either = " or ``" in text and re.fullmatch(r"``\w+`` is ``[\w+-]+`` or ``\w+`` is ``[\w+-]+``", text)
    parts = re.split(r" or (?=``[abxso])" if either else r",? and (?=``[abxso])|, (?=``[abxso])", text)
    tests = []
    for part in parts:
        match = CONDITION.fullmatch(part)
        value_test = read_value(match.group("what")) if match and match.group("name") in names else None
        if value_test is None:
            return None
        look = abs if match.group("abs") else float
        tests.append((names.index(match.group("name")), look, value_test))
    combine = any if either else all
    return lambda *values: combine(test(look(values[place])) for place, look, test in tests)


def read_value(what: str) -> Callable[[float], bool] | None:
    """What is said of one operand, as a test of it."""
    what = re.sub(r"\(i\.e\.,[^)]*\) ", "", what)
    if what.startswith("either ") or " or " in what:
        tests = [read_value(part) for part in re.split(" or ", what.removeprefix("either "))]
        return None if None in tests else lambda x: any(test(x) for test in tests)
    if match := re.fullmatch("``([^`]+)``", what):
        value = number(match.group(1))
        return None if value is None else lambda x: same(x, value)
    if what.startswith("not ``"):
        inner = read_value(what.removeprefix("not "))
        return inner and (lambda x: not inner(x))
    if match := re.fullmatch("(greater than|less than|not equal to|equal to) ``([^`]+)``", what):
        value = number(match.group(2))
        tests = {"greater than": lambda x: x > value, "less than": lambda x: x < value}
        tests |= {"not equal to": lambda x: x != value, "equal to": lambda x: x == value}
        return tests[match.group(1)]
    return PHRASES.get(what)


PHRASES: dict[str, Callable[[float], bool]] = {
    "a finite number": math.isfinite,
    "a nonzero finite number": lambda x: math.isfinite(x) and x != 0,
    "a nonzero number": lambda x: x != 0 and x == x,
    "a positive finite number": lambda x: math.isfinite(x) and x > 0,
    "a negative finite number": lambda x: math.isfinite(x) and x < 0,
    "any value": lambda x: True,
    "any value (including ``NaN``)": lambda x: True,
    "an odd integer value": lambda x: math.isfinite(x) and x % 2 == 1,
    "not an odd integer value": lambda x: not (math.isfinite(x) and x % 2 == 1),
    "an integer value": lambda x: math.isfinite(x) and x == int(x),
    "not an integer value": lambda x: math.isfinite(x) and x != int(x),
    "already integer-valued": lambda x: math.isfinite(x) and x == int(x),
}


def number(text: str) -> float | None:
    """A number as the standard writes it: ``+infinity``, ``-3π/4``, ``NaN``, ``1``."""
    text = text.strip()
    if text == "NaN":
        return math.nan
    sign = SIGNS.get(text[:1], 1.0)
    text = text.lstrip("+-")
    if text == "infinity":
        return sign * math.inf
    if match := re.fullmatch(r"(\d*)π(?:/(\d))?", text):
        return sign * float(match.group(1) or 1) * math.pi / float(match.group(2) or 1)
    return sign * float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def same(x: float, y: float) -> bool:
    """The same value and, for zeros, the same sign."""
    return (x != x and y != y) or (x == y and math.copysign(1, x) == math.copysign(1, y))


def close(x: float, y: float) -> bool:
    return same(x, y) or (x != 0 and y != 0 and math.isclose(x, y, rel_tol=1e-6))


def read_result(text: str, names: list[str]) -> Callable[..., bool] | None:
    """What is said of the result, as a test ``(result, *operands)``."""
    if "**note**: libraries may return" in text:
        alternative = re.search(r"may return ``([^`]+)``", text)
        first = read_result(text.split(" (**note**")[0].rstrip(".") + ".", names)
        other = number(alternative.group(1)) if alternative else None
        return first and (lambda result, *values: first(result, *values) or close(result, other))
    text = re.sub(r" \(\*\*note.*", "", text).split(", even if")[0].rstrip(".")
    text = text.removeprefix("an implementation-dependent approximation to ")
    if names == ["a", "b"]:
        return read_complex_result(text)
    match = re.fullmatch("``([^`]+)``", text)
    if not match:
        return None
    value = match.group(1)
    if value in ("True", "False"):
        return lambda result, *values: bool(result) is (value == "True")
    if value in names:
        place = names.index(value)
        return lambda result, *values: close(float(result), values[place])
    if value == "0":
        return lambda result, *values: result == 0
    expected = number(value)
    return None if expected is None else lambda result, *values: close(float(result), expected)


def read_complex_result(text: str) -> Callable[..., bool] | None:
    """``a + bj``, a real number or a truth value. A sign that the standard leaves open is not looked at."""
    match = re.match("``([^`]+)``(.*)", text)
    if not match:
        return None
    value, remark = match.groups()
    if value in ("True", "False"):
        return lambda result, *values: bool(result) is (value == "True")
    if (real_only := number(value)) is not None:
        return lambda result, *values: not isinstance(result, complex) and close(float(result), real_only)
    parts = re.fullmatch(r"([+-±]?\s?[\w/π]+) ([+-±]) (.*)", value)
    if not parts or "j" not in parts.group(3):
        return None
    real = number(parts.group(1).replace("±", ""))
    imaginary = number(parts.group(3).replace("j", "").strip())
    if real is None or imaginary is None:
        return None
    imaginary *= SIGNS.get(parts.group(2), 1.0)
    loose_real = "±" in parts.group(1) or "real" in remark or "signs" in remark
    loose_imaginary = parts.group(2) == "±" or "imaginary" in remark or "signs" in remark

    def accepts(result: Any, *values: Any) -> bool:
        result = complex(result)
        return component(result.real, real, loose_real) and component(result.imag, imaginary, loose_imaginary)

    return accepts


def component(x: float, y: float, any_sign: bool) -> bool:
    return close(abs(x), abs(y)) if any_sign else close(x, y)


__all__ = ["Function", "SpecialCase", "read", "signature_faults", "special_cases"]
