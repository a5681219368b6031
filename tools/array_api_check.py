#!/usr/bin/env python3
"""The Python array API standard, asked of PyTorch and of flambeau; what flambeau fails and PyTorch does not is an error.

    pip download --no-deps --python-version 3.12 --only-binary :all: types-array-api && unzip types_array_api*.whl
    python tools/array_api_check.py array_api/_2024_12.py
    python tools/array_api_check.py --suite path/to/array-api-tests [pytest arguments]

The first form checks signatures, special cases and results (dtype, shape, values against NumPy) of the functions in the
standard's text. The second runs the folder of the suite ``array-api-tests``. Three sides are compared:

    pytorch   PyTorch through array_api_compat
    wrapped   flambeau as ``torch`` through array_api_compat
    direct    the namespace that ``flambeau.Tensor.__array_namespace__`` gives

It needs PyTorch, array_api_compat and, for the suite, pytest and hypothesis.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import operator
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SIDES = {"pytorch": "array_api_compat.torch", "wrapped": "array_api_compat.torch", "direct": "flambeau.array_api"}
TOLERANCE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-9, "complex128": 1e-9}


def namespace_of(side: str) -> Any:
    if side == "wrapped":
        importlib.import_module("flambeau.alias").install()
    return importlib.import_module(SIDES[side])


# One side, in a process of its own.


def faults(side: str, standard_text: Path) -> Iterator[tuple[str, str]]:
    """(what was checked, what is wrong or "")."""
    from array_api_standard import read

    xp = namespace_of(side)
    functions = read(standard_text)
    for function in functions.values():
        yield f"signature {function.name}", signature_fault(xp, function)
    for function in functions.values():
        yield from special_case_faults(xp, function)
    yield from result_faults(xp)


def resolve(xp: Any, name: str) -> Any:
    """The function itself; of a method, the class' attribute."""
    if name.startswith("Array."):
        return getattr(type(xp.zeros(1)), name.removeprefix("Array."), None)
    try:
        return operator.attrgetter(name)(xp)
    except AttributeError:
        return None


def signature_fault(xp: Any, function: Any) -> str:
    from array_api_standard import signature_faults

    found = resolve(xp, function.name)
    if found is None:
        return "is missing"
    if function.name.startswith("Array.") or not inspect.isfunction(found):
        return ""
    if found.__module__.split(".")[0] != xp.__name__.split(".")[0]:
        return ""  # taken over from torch: PyTorch's own, in C, have no signature; calls tell whether they fit
    return "; ".join(signature_faults(function.signature, inspect.signature(found)))


def special_case_faults(xp: Any, function: Any) -> Iterator[tuple[str, str]]:
    from array_api_standard import special_cases

    for case in special_cases(function):
        for dtype in ("complex64", "complex128") if isinstance(case.arguments[0][0], complex) else ("float32", "float64"):
            label = f"special case {function.name} {dtype}: {case.sentence}"
            yield label, attempt(lambda case=case, dtype=dtype: special_case_fault(xp, function.name, case, dtype))


def special_case_fault(xp: Any, name: str, case: Any, dtype: str) -> str:
    call = resolve(xp, name)
    columns = [xp.asarray(list(column), dtype=getattr(xp, dtype)) for column in zip(*case.arguments, strict=True)]
    if name in ("Array.__int__", "Array.__float__", "Array.__bool__", "Array.__complex__", "Array.__index__"):
        results = [call(column) for column in columns[0]]
    else:
        results = to_numpy(call(*columns)).tolist()
    for values, result in zip(case.arguments, results, strict=True):
        rounded = [np.asarray(value, dtype).item() for value in values]
        if not case.accepts(result, *rounded):
            return f"gives {result} for {values}"
    return ""


def result_faults(xp: Any) -> Iterator[tuple[str, str]]:
    import array_api_compat.numpy as oracle
    from array_api_cases import all_cases

    for case in all_cases():
        expected = case.call(oracle, *(array.copy() for array in case.arrays))
        yield f"result {case.name}", attempt(lambda case=case, expected=expected: result_fault(xp, case, expected))


def result_fault(xp: Any, case: Any, expected: Any) -> str:
    arrays = [xp.asarray(array.tolist(), dtype=getattr(xp, str(array.dtype))) for array in case.arrays]
    arrays = [xp.reshape(made, array.shape) for made, array in zip(arrays, case.arrays, strict=True)]
    return difference(case.call(xp, *arrays), expected, case.default_dtype)


def attempt(check: Any) -> str:
    try:
        return check()
    except Exception as error:
        return f"raises {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def difference(actual: Any, expected: Any, default_dtype: bool = False) -> str:
    """How two results differ: arrays, numbers, or sequences of them. A namespace chooses its default dtypes."""
    if isinstance(expected, (list, tuple)):
        if len(actual) != len(expected):
            return f"gives {len(actual)} results for {len(expected)}"
        parts = (difference(one, other) for one, other in zip(actual, expected, strict=True))
        return next((part for part in parts if part), "")
    if type(expected) in (bool, int, float, complex):
        return "" if type(actual) is type(expected) and actual == expected else f"gives {actual!r} for {expected!r}"
    expected, actual = np.asarray(expected), to_numpy(actual)
    if default_dtype and actual.dtype.kind == expected.dtype.kind:
        expected = expected.astype(actual.dtype)
    if actual.dtype != expected.dtype:
        return f"gives {actual.dtype} for {expected.dtype}"
    if actual.shape != expected.shape:
        return f"gives shape {actual.shape} for {expected.shape}"
    tolerance = TOLERANCE.get(str(expected.dtype), 0)
    if not np.allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        return f"gives {actual.ravel()[:4].tolist()} for {expected.ravel()[:4].tolist()}"
    return ""


def to_numpy(array: Any) -> np.ndarray:
    return np.asarray(array.resolve_conj() if hasattr(array, "resolve_conj") else array)


# All sides.


def run_side(side: str, standard_text: Path) -> dict[str, str]:
    command = [sys.executable, __file__, str(standard_text), "--side", side]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def run_suite(side: str, folder: Path, arguments: list[str]) -> dict[str, str]:
    """Tests of the suite that fail, by name."""
    import xml.etree.ElementTree as ElementTree

    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.xml"
        start = f"import sys, pytest; sys.path[:0] = {[str(Path(__file__).parent)]!r}; import array_api_check as c; "
        start += f"c.namespace_of({side!r}); sys.exit(pytest.main(sys.argv[1:]))"
        command = [sys.executable, "-c", start, f"--junitxml={report}", "-q", *arguments]
        environment = {**os.environ, "ARRAY_API_TESTS_MODULE": SIDES[side]}
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        results = {}
        for case in ElementTree.parse(report).iter("testcase"):
            failure = next((part for part in case if part.tag in ("failure", "error")), None)
            message = (failure.get("message") or "fails").splitlines()[0] if failure is not None else ""
            results[f"{case.get('classname')}::{case.get('name')}"] = message
        return results


def report(results: dict[str, dict[str, str]], verbose: bool) -> int:
    """Prints the comparison; the number of failures that flambeau has and PyTorch has not."""
    more = 0
    pytorch = results["pytorch"]
    for side, found in results.items():
        failed = Counter(label.split()[0].split("::")[0] for label, fault in found.items() if fault)
        kinds = ", ".join(f"{count} {kind}" for kind, count in failed.most_common(8))
        print(f"{side:8} {len(found)} checks, {sum(failed.values())} failures ({kinds})")
    for side, found in results.items():
        own = [label for label, fault in found.items() if fault and (side == "pytorch" or not pytorch.get(label))]
        if side == "pytorch":
            if not verbose:
                continue
        else:
            more += len(own)
            print(f"\n{side}: {len(own)} failures that PyTorch does not have")
        for label in own:
            print(f"  {label}: {found[label]}")
    return more


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("standard", type=Path, nargs="?", help="the standard's text: array_api/_2024_12.py of types-array-api")
    parser.add_argument("--suite", type=Path, help="the folder of array-api-tests")
    parser.add_argument("--side", choices=SIDES, help="one side only, as JSON")
    parser.add_argument("--sides", default="pytorch,wrapped,direct")
    parser.add_argument("-v", "--verbose", action="store_true", help="print PyTorch's failures too")
    options, rest = parser.parse_known_args()
    warnings.filterwarnings("ignore")
    if options.suite is None and options.standard is None:
        parser.error("give the standard's text or --suite")
    if options.side:
        with np.errstate(all="ignore"):
            json.dump(dict(faults(options.side, options.standard)), sys.stdout)
        return 0
    sides = options.sides.split(",")
    if options.suite is not None:
        results = {side: run_suite(side, options.suite, rest) for side in sides}
    else:
        results = {side: run_side(side, options.standard) for side in sides}
    return 1 if report(results, options.verbose) else 0


if __name__ == "__main__":
    sys.exit(main())
