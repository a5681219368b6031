#!/usr/bin/env python3
"""Calls of PyTorch's operator database in varied forms, in flambeau and in PyTorch.

    python tools/variations_check.py                              # everything, a long way
    python tools/variations_check.py --ops '^(sum|mul)$' --forms 'out|grad' -v
    python tools/variations_check.py --dtypes float32 --samples 2 --json found.json

Each operator gets a few samples of the database, and each sample is varied (see ``variations.py``): layouts in memory, empty
dims, special values, one tensor twice, destinations (``out=``), in-place calls, gradients. Compared are exceptions,
the types of results, dtypes, shapes, strides, offsets, the memory that results share with inputs, ``requires_grad``,
``is_leaf``, values, the memory of inputs after the call, and gradients with their strides. Differences are printed by kind
and form, with the operators they come from, most operators first.
"""

from __future__ import annotations

import argparse
import collections
import functools
import importlib
import itertools
import json
import multiprocessing
import re
import signal
import types
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.testing._internal import common_methods_invocations as cmi
from variations import FORMS, GRADIENTS, INPLACE, OUTS, Call, Inapplicable, Recipe, described

RANDOM = re.compile(
    r"^(empty.*|new_empty.*|bernoulli|cauchy|exponential|geometric|log_normal|normal.*|uniform|multinomial|rand.*|"
    r"svd_lowrank|pca_lowrank|resize_|resize_as_|nn\.functional\.(dropout.*|alpha_dropout|feature_alpha_dropout.*|rrelu|"
    r"fractional_max_pool.*|multi_head_attention_forward|scaled_dot_product_attention))$"
)
INTERNAL = re.compile(r"^(torch\.ops\.|_|nn\.functional\.(_|scaled_mm|scaled_grouped_mm)|sparse\.|to_sparse|jiterator)")
GAUGE_FREE = re.compile(r"svd|eig|qr|lobpcg|ldl|lstsq|geqrf|householder|lu|cholesky")  # values differ by more than rounding
UNSEEN = {"neg": ("alias", "view", "leaf"), "conj": ("alias", "view", "leaf")}  # nothing is conjugated late in flambeau
UNSAFE = re.compile(  # operators and forms where PyTorch itself reads or writes outside of its memory, or does not come back
    r"^((lu_unpack|nn\.functional\.avg_pool3d|narrow_copy|linalg\.lu) out|nn\.functional\.pdist grad|linalg\.eigvals special|"
    r"special\.\w+_polynomial_\w+ (special|out|twice))"
)
TOLERANCE = {
    torch.float64: (1e-5, 1e-6),
    torch.float32: (1e-3, 1e-4),
    torch.complex64: (1e-3, 1e-4),
    torch.complex128: (1e-5, 1e-6),
    torch.bfloat16: (4e-2, 4e-2),
    torch.float16: (1e-2, 1e-2),
}
AS_INTEGERS = {torch.bfloat16: torch.int16, torch.float16: torch.int16}


class Slow(BaseException):
    """The operator took too long."""


class Seen(NamedTuple):
    """What a program can see of a tensor."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    alias: str  # the input that it is, or whose memory it shares
    view: bool  # and of an input's memory
    requires_grad: bool
    leaf: bool
    values: torch.Tensor


class Outcome(NamedTuple):
    """What came of a call: an error, or results, gradients and the memory of inputs afterwards."""

    error: tuple[str, ...]  # the names of its class and of what that derives from
    message: str
    warned: bool
    structure: Any
    results: list[Any]
    gradients: list[Any]
    memory: list[torch.Tensor]


class Difference(NamedTuple):
    """A difference in one call."""

    op: str
    dtype: str
    sample: int
    form: str
    aspect: str
    detail: str


# -- one library -----------------------------------------------------------------------------------------------------


class Side:
    """One of the two libraries: makes tensors of recipes, calls, and looks at what comes."""

    def __init__(self, module: Any):
        self.module = module
        self.is_torch = module is torch

    def same(self, value: Any) -> Any:
        """This library's dtype, device, layout or memory format."""
        if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
            return getattr(self.module, str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return self.module.device(str(value))
        if isinstance(value, torch.Size):
            return self.module.Size(value)
        return value

    def memory(self, storage: torch.Tensor) -> Any:
        if self.is_torch:
            return storage.clone()
        if storage.dtype in AS_INTEGERS:
            raw = self.module.from_numpy(storage.view(AS_INTEGERS[storage.dtype]).numpy()).clone()
            return raw.view(self.same(storage.dtype))
        return self.module.from_numpy(storage.numpy()).clone()

    def back(self, tensor: Any) -> torch.Tensor:
        """A tensor's values, contiguous, as PyTorch's tensor."""
        if self.is_torch:
            return tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
        tensor = tensor.detach()
        dtype = getattr(torch, str(tensor.dtype).removeprefix("torch."))
        shape = tuple(tensor.shape)
        if dtype in AS_INTEGERS:
            raw = tensor.contiguous().reshape(-1).view(self.same(AS_INTEGERS[dtype])).numpy()
            return torch.from_numpy(np.array(raw)).view(dtype).reshape(shape)
        return torch.from_numpy(np.array(tensor.numpy(), order="C")).reshape(shape)

    def resolve(self, function: Any, name: str) -> Any:
        """This library's counterpart of a function of the database."""
        if self.is_torch or function is None:
            return function
        if isinstance(function, functools.partial):
            return functools.partial(self.resolve(function.func, name), *function.args, **function.keywords)
        if isinstance(function, types.FunctionType) and function.__globals__.get("__name__", "").startswith("torch.testing"):
            return self.rebound(function)
        target = self.module
        try:
            for part in name.split("."):
                target = getattr(target, part)
            if callable(target):
                return target
        except AttributeError:
            pass
        return getattr(self.module.Tensor, getattr(function, "__name__", name))

    def rebound(self, function: Any) -> Any:
        """The same Python function with this library as its ``torch``."""
        scope = {**function.__globals__, "torch": self.module}
        if "F" in scope:
            scope["F"] = self.module.nn.functional
        bound = types.FunctionType(function.__code__, scope, None, function.__defaults__, function.__closure__)
        bound.__kwdefaults__ = function.__kwdefaults__
        return bound


class Attempt:
    """One call in one library."""

    def __init__(self, side: Side, call: Call):
        self.side, self.call = side, call
        self.storages: dict[int, Any] = {}
        self.tensors: dict[int, Any] = {}
        self.leaves: list[Any] = []
        self.input = self.made(call.input)
        self.args = self.made(call.args)
        self.kwargs = self.made(call.kwargs)

    def made(self, value: Any) -> Any:
        if isinstance(value, Recipe):
            if id(value) not in self.tensors:
                self.tensors[id(value)] = self.tensor(value)
            return self.tensors[id(value)]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self.made, value))
        if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return type(value)(map(self.made, value))
        if isinstance(value, dict):
            return {k: self.made(v) for k, v in value.items()}
        return self.side.same(value)

    def tensor(self, r: Recipe) -> Any:
        if id(r.storage) not in self.storages:
            self.storages[id(r.storage)] = self.side.memory(r.storage)
        memory = self.storages[id(r.storage)]
        if r.inner:
            self.leaves.append(memory.requires_grad_())
            return memory.clone().as_strided(r.size, r.stride, r.offset)
        tensor = memory.as_strided(r.size, r.stride, r.offset)
        tensor = tensor.conj() if r.conj else tensor
        if r.neg:
            tensor = torch._neg_view(tensor) if self.side.is_torch else -tensor
        if not r.requires_grad:
            return tensor
        self.leaves.append(tensor.detach().requires_grad_())
        return self.leaves[-1]

    def outcome(self, function: Any) -> Outcome:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.side.module.manual_seed(0)
                for _ in range(self.call.times):
                    result = function(self.input, *self.args, **self.kwargs)
                flat = list(_flat(result))
                results = [self.seen(r) for r in flat]
                gradients = self.gradients(flat) if self.call.backward else []
                memory = [self.side.back(s) for s in self.storages.values()]
            except Exception as error:
                kinds = tuple(kind.__name__.lstrip("_") for kind in type(error).__mro__)
                return Outcome(kinds, str(error), False, None, [], [], [])
        warned = any("resized" in str(w.message) for w in caught)
        return Outcome((), "", warned, _structure(result), results, gradients, memory)

    def seen(self, value: Any) -> Any:
        if not isinstance(value, self.side.module.Tensor):
            return str(value) if type(value).__module__.startswith(("torch", "flambeau")) else value
        if str(value.layout) != "torch.strided":
            raise Inapplicable("only dense tensors")
        values = self.side.back(value)
        alias = self.alias(value)
        return Seen(
            str(value.dtype),
            tuple(value.shape),
            tuple(value.stride()),
            value.storage_offset(),
            alias,
            alias != "own memory" and bool(value._is_view()),
            value.requires_grad,
            value.is_leaf,
            values,
        )

    def alias(self, value: Any) -> str:
        tensors = list(self.tensors.values())
        for i, tensor in enumerate(tensors):
            if tensor is value:
                return f"is input {i}"
        where = value.untyped_storage().data_ptr() if value.numel() else 0
        for i, tensor in enumerate(tensors):
            if where and tensor.untyped_storage().data_ptr() == where:
                return f"memory of input {i}"
        return "own memory"

    def gradients(self, flat: list[Any]) -> list[Any]:
        ends = [r for r in flat if isinstance(r, self.side.module.Tensor) and r.requires_grad]
        if not ends:
            return []
        generator = torch.Generator().manual_seed(2)
        weights = []
        for end in ends:
            dtype = getattr(torch, str(end.dtype).removeprefix("torch."))
            number = torch.randn(tuple(end.shape), dtype=dtype, generator=generator)
            weight = self.side.memory(number.reshape(-1)).reshape(tuple(end.shape))
            if self.call.cotangent == "expanded" and end.numel():
                weight = weight.reshape(-1)[0].expand(tuple(end.shape))
            elif self.call.cotangent == "transposed":
                order = tuple(reversed(range(end.ndim)))
                weight = weight.permute(order).contiguous().permute(order)
            weights.append(weight)
        if self.call.backward == "backward":
            self.side.module.autograd.backward(ends, weights)
            found = [leaf.grad for leaf in self.leaves]
        else:
            found = self.side.module.autograd.grad(ends, self.leaves, weights, allow_unused=True)
        return [None if g is None else self.seen(g) for g in found]


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        yield value
        return
    for item in value:
        yield from _flat(item)


def _structure(value: Any) -> Any:
    """Types and names of nested results."""
    if isinstance(value, (list, tuple)):
        names = {n for n in dir(type(value)) if not n.startswith(("_", "n_"))} - {*dir(tuple), *dir(list), "names"}
        return (type(value).__name__.removesuffix("_out"), sorted(names), [_structure(v) for v in value])
    if isinstance(value, dict):
        return {k: _structure(v) for k, v in value.items()}
    return "Tensor" if hasattr(value, "storage_offset") else type(value).__name__


# -- comparing -------------------------------------------------------------------------------------------------------


def differences(want: Outcome, got: Outcome, values: bool) -> Iterator[tuple[str, str]]:
    """(aspect, detail) of each difference between what PyTorch and flambeau made of a call."""
    if bool(want.error) != bool(got.error) or (want.error and want.error[0] not in got.error):
        text = got.message if got.error else want.message
        kinds = [error[0] if error else "accepted" for error in (want.error, got.error)]
        yield "error", f"{kinds[0]}, got {kinds[1]}: {' '.join(text.split())[:150]}"
        return
    if want.error:
        return
    if want.warned != got.warned:
        yield "warning", f"warned {want.warned}, got {got.warned}"
    if want.structure != got.structure:
        yield "structure", f"{want.structure}, got {got.structure}"
        return
    for w, g in zip(want.results, got.results):
        yield from _different("", w, g, values)
    if len(want.gradients) != len(got.gradients):
        yield "gradients", f"{len(want.gradients)} gradients, got {len(got.gradients)}"
    for w, g in zip(want.gradients, got.gradients):
        yield from _different("gradient ", w, g, values)
    for w, g in zip(want.memory, got.memory):
        if values and not _close(w, g):
            yield "memory after", "an input's memory holds other values after the call"


def _different(what: str, want: Any, got: Any, values: bool) -> Iterator[tuple[str, str]]:
    if isinstance(want, Seen) != isinstance(got, Seen):
        yield what + "is there", f"{type(want).__name__}, got {type(got).__name__}"
        return
    if not isinstance(want, Seen):
        if values and want != got and not (want != want and got != got) and not _near(want, got):
            yield what + "value", f"{want!r}, got {got!r}"
        return
    strides = [s if n > 1 else 0 for n, s in zip(want.shape, want.stride)]
    for name in ("dtype", "shape", "offset", "alias", "view", "requires_grad", "leaf"):
        if getattr(want, name) != getattr(got, name):
            yield what + name, f"{getattr(want, name)}, got {getattr(got, name)}"
    if want.shape != got.shape or want.dtype != got.dtype:
        return
    if want.stride != got.stride:
        visible = want.values.numel() and strides != [s if n > 1 else 0 for n, s in zip(got.shape, got.stride)]
        yield what + ("stride" if visible else "stride of dims of size 1"), f"{want.shape}: {want.stride}, got {got.stride}"
    if values and not _close(want.values, got.values):
        yield what + "values", _first_difference(want.values, got.values)
    elif values and want.values.dtype.is_floating_point:
        zero = (want.values == 0) & (got.values == 0)
        if not torch.equal(torch.signbit(want.values)[zero], torch.signbit(got.values)[zero]):
            yield what + "sign of zero", ""


def _near(want: Any, got: Any) -> bool:
    return isinstance(want, (float, complex)) and abs(want - got) <= 1e-4 * max(1, abs(want))


def _close(want: torch.Tensor, got: torch.Tensor) -> bool:
    rtol, atol = TOLERANCE.get(want.dtype, (0, 0))
    if want.dtype.is_complex:
        want, got = torch.view_as_real(want), torch.view_as_real(got)
    if want.shape != got.shape:
        return False
    return bool(torch.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True).all())


def _first_difference(want: torch.Tensor, got: torch.Tensor) -> str:
    rtol, atol = TOLERANCE.get(want.dtype, (0, 0))
    wrong = ~torch.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return "parts of complex numbers"
    return f"{want[wrong][0].item()}, got {got[wrong][0].item()} ({int(wrong.sum())} of {want.numel()})"


# -- the walk --------------------------------------------------------------------------------------------------------


def name_of(op: Any) -> str:
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def forms_of(op: Any, call: Call, wanted: re.Pattern[str]) -> Iterator[tuple[str, Call]]:
    """The varied calls of a sample that an operator supports."""
    forms = dict(FORMS)
    if op.supports_autograd:
        forms.update(GRADIENTS)
    if op.inplace_variant is not None and isinstance(call.input, Recipe):
        forms.update(INPLACE)
    for name, vary in forms.items():
        if wanted.search(name):
            varied = _applied(vary, call)
            if varied is not None and (name == "plain" or varied != call):
                yield name, varied
    if op.supports_out and any(wanted.search(name) for name in OUTS):
        try:
            attempt = Attempt(Side(torch), call)
            results = op.op(attempt.input, *attempt.args, **attempt.kwargs)
        except Exception:
            return
        for name, vary in OUTS.items():
            varied = _applied(vary, call, results) if wanted.search(name) else None
            if varied is not None:
                yield name, varied


def _applied(vary: Any, *arguments: Any) -> Call | None:
    try:
        return vary(*arguments)
    except (Inapplicable, RuntimeError, ValueError):
        return None


def samples_of(op: Any, dtype: torch.dtype, count: int) -> list[tuple[int, Call]]:
    """A few of an operator's samples, far from each other in the database's order."""
    found = list(enumerate(itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=False), 40)))
    step = max(1, len(found) // count)
    calls = []
    for index, sample in found[::step][:count]:
        try:
            calls.append((index, described(sample)))
        except Inapplicable:
            continue
    return calls


def check(op: Any, ours: Side, dtype: torch.dtype, args: argparse.Namespace) -> Iterator[Difference]:
    """The differences of one operator in one dtype."""
    theirs = Side(torch)
    for index, call in samples_of(op, dtype, args.samples):
        for form, varied in forms_of(op, call, re.compile(args.forms)):
            if UNSAFE.match(f"{op.name} {form}"):
                continue
            inplace = varied.form == "inplace"
            function = op.inplace_variant if inplace else op.op
            name = getattr(function, "__name__", op.name) if inplace else op.name
            place = (name_of(op), str(dtype).removeprefix("torch."), index, form)
            try:
                want = Attempt(theirs, varied).outcome(function)
                counterpart = ours.resolve(function, name)
                tries = [Attempt(ours, varied).outcome(counterpart) for _ in range(args.repeat)]
            except Inapplicable:
                continue
            except Exception as error:
                yield Difference(*place, "cannot be tried", f"{type(error).__name__}: {error}"[:150])
                continue
            values = not RANDOM.match(op.name) and not GAUGE_FREE.search(op.name)
            found = [d for got in tries for d in differences(want, got, values)]
            for aspect, detail in dict.fromkeys(found):
                if aspect.split()[-1] in UNSEEN.get(form.split()[-1], ()):
                    continue
                yield Difference(*place, aspect, detail)


def walk(args: argparse.Namespace) -> Iterator[Difference]:
    """The differences of every operator that was asked for. A worker that dies is replaced by one for the other operators."""
    names = [name_of(op) for op in cmi.op_db if re.search(args.ops, name_of(op)) and not INTERNAL.match(op.name)]
    spawn = multiprocessing.get_context("spawn")
    while names:
        reader, writer = spawn.Pipe(duplex=False)
        worker = spawn.Process(target=work, args=(args, names, writer))
        worker.start()
        writer.close()
        try:
            while True:
                message = reader.recv()
                if isinstance(message, Difference):
                    yield message
                else:
                    names = names[message:]
        except EOFError:
            worker.join()
        if worker.exitcode:
            yield Difference(names[0], "", 0, "all", "crash", f"exit status {worker.exitcode}")
            names = names[1:]
        else:
            names = []


def work(args: argparse.Namespace, names: list[str], writer: Any) -> None:
    """Check operators one after the other; send their differences, and 1 for each operator that is done with."""
    warnings.filterwarnings("ignore")
    torch.set_warn_always(True)
    signal.signal(signal.SIGALRM, _alarm)
    ours = Side(importlib.import_module(args.module))
    known = {name_of(op): op for op in cmi.op_db}
    for place, name in enumerate(names):
        op = known[name]
        writer.send(1 if place else 0)
        for dtype in [getattr(torch, d) for d in args.dtypes.split(",")]:
            if dtype not in op.dtypes:
                continue
            torch.manual_seed(0)
            np.random.seed(0)
            signal.alarm(args.seconds)
            try:
                for difference in check(op, ours, dtype, args):
                    writer.send(difference)
            except Slow:
                writer.send(Difference(name, str(dtype), 0, "all", "slow", f"over {args.seconds} s"))
            finally:
                signal.alarm(0)


def _alarm(*_: Any) -> None:
    raise Slow


def report(found: list[Difference]) -> str:
    """The differences by aspect, form and detail without its figures, most operators first."""
    groups: dict[tuple[str, str, str], list[Difference]] = collections.defaultdict(list)
    for difference in found:
        detail = difference.detail if difference.aspect in ("error", "alias", "view", "leaf", "dtype") else ""
        groups[difference.aspect, difference.form, re.sub(r"[\d\[\]., ]+", " ", detail)[:60]].append(difference)
    lines = []
    for (aspect, form, _), members in sorted(groups.items(), key=lambda g: -len({d.op for d in g[1]})):
        ops = list(dict.fromkeys(d.op for d in members))
        names = ", ".join(ops[:8]) + (" ..." if len(ops) > 8 else "")
        lines.append(f"{len(ops):4} {aspect} | {form} | {members[0].detail[:120]} | {names}")
    cases = len({d[:4] for d in found})
    return "\n".join([*lines, f"{len(found)} differences in {cases} calls of {len({d.op for d in found})} operators"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", default="flambeau", help="importable module with the torch API")
    parser.add_argument("--ops", default=".", help="regular expression over names of operators")
    parser.add_argument("--forms", default=".", help="regular expression over names of forms")
    parser.add_argument("--dtypes", default="float32,int64,complex64,bfloat16")
    parser.add_argument("--samples", type=int, default=3, help="samples of an operator and dtype")
    parser.add_argument("--repeat", type=int, default=1, help="calls of each form: what is seen again is compiled")
    parser.add_argument("--seconds", type=int, default=120, help="most seconds for an operator and dtype")
    parser.add_argument("--json", help="write every difference to this file")
    parser.add_argument("-v", "--verbose", action="store_true", help="print each difference when it is found")
    args = parser.parse_args()
    found = []
    for difference in walk(args):
        found.append(difference)
        if args.verbose:
            print(*difference, flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump([d._asdict() for d in found], file, indent=0)
    print(report(found))


if __name__ == "__main__":
    main()
