#!/usr/bin/env python3
"""Double gradients, forward mode and ``vmap`` over PyTorch's operator database, against PyTorch.

    python tools/derivatives_check.py                          # everything
    python tools/derivatives_check.py --ops '^(sum|matmul)$' -v
    python tools/derivatives_check.py --what vmap --json result.json

Passes (--what), each in float64 (integers where an operator takes no floats, for vmap):
    gradgrad  gradients of the gradient with respect to inputs and cotangents
    forward   derivatives along random directions, by dual tensors
    vmap      batches of two samples, in all tensors and in the first alone

An operator counts for a pass when PyTorch supports it there: what PyTorch refuses is left out. It passes when every sample
that is looked at agrees.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import itertools
import json
import re
import signal
import traceback
import types
import warnings

import numpy as np
import torch
from torch.testing._internal import common_methods_invocations as cmi

warnings.filterwarnings("ignore")

RANDOM = re.compile(
    r"^(empty|empty_like|empty_strided|empty_permuted|new_empty|new_empty_strided|bernoulli|cauchy|exponential|geometric|"
    r"log_normal|normal|uniform|multinomial|rand|randn|randint|rand_like|randn_like|randint_like|randperm|svd_lowrank|pca_lowrank|"
    r"nn\.functional\.(dropout.*|alpha_dropout|feature_alpha_dropout|rrelu|fractional_max_pool.*|multi_head_attention_forward|"
    r"scaled_dot_product_attention)|resize_|resize_as_)$"
)
INTERNAL = re.compile(r"^(torch\.ops\.|_|nn\.functional\.(_|scaled_mm|scaled_grouped_mm)|sparse\.|to_sparse|jiterator)")
ALIASING = {"as_strided.partial_views"}
CONSTANT = {"nn.functional.linear_cross_entropy.chunked"}  # PyTorch computes its gradients beforehand: it has no second ones


class Skip(Exception):
    """The sample needs something that is not carried over."""


class Slow(Exception):
    """An operator took too long."""


class Candidate:
    """The module under test: carries values there and back, and finds its counterparts of operators."""

    def __init__(self, module):
        self.module = module
        self.func = importlib.import_module(f"{module.__name__}.func")
        self.forward_ad = importlib.import_module(f"{module.__name__}.autograd.forward_ad")

    def dtype(self, d):
        return getattr(self.module, str(d).removeprefix("torch."))

    def to(self, value):
        """The candidate's form of a value of PyTorch's."""
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, torch.dtype):
            return self.dtype(value)
        if isinstance(value, torch.device):
            return self.module.device(str(value))
        if isinstance(value, (torch.memory_format, torch.layout)):
            return getattr(self.module, str(value).removeprefix("torch."))
        if isinstance(value, torch.Generator):
            raise Skip("generator argument")
        if isinstance(value, torch.Size):
            return self.module.Size(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self.to, value))
        if isinstance(value, (tuple, list)):
            return type(value)(map(self.to, value))
        if isinstance(value, dict):
            return {k: self.to(v) for k, v in value.items()}
        return value

    def tensor(self, t):
        if t.layout is not torch.strided:
            raise Skip("sparse")
        source = t.detach().resolve_conj().resolve_neg()
        if source.dtype in (torch.bfloat16, torch.float16):
            raise Skip("half precision")
        made = self.module.tensor(source.numpy().copy()).reshape(tuple(t.shape))
        return made.requires_grad_() if t.requires_grad else made

    def back(self, t):
        if t.dtype is self.module.bfloat16:
            return self.back(t.detach().to(self.module.float32)).to(torch.bfloat16)
        return torch.from_numpy(np.array(t.detach().numpy())).reshape(tuple(t.shape))

    def resolve(self, op):
        """The counterpart of an operator of the database."""
        function = op.op
        if isinstance(function, types.FunctionType) and function.__globals__.get("__name__", "").startswith(
            "torch.testing"
        ):
            return self.rebind(function)
        target = self.module
        try:
            for part in op.name.split("."):
                target = getattr(target, part)
            if isinstance(target, self.module.dtype):
                raise AttributeError(op.name)
            return target
        except AttributeError:
            method = getattr(function, "__name__", "")
            if hasattr(self.module.Tensor, method):
                return getattr(self.module.Tensor, method)
            raise Skip(f"no counterpart of {op.name}") from None

    def rebind(self, function):
        """The same Python function with the candidate as its ``torch``."""
        if not isinstance(function, types.FunctionType):
            return function
        scope = {**function.__globals__, "torch": self.module}
        if "F" in scope:
            scope["F"] = self.module.nn.functional
        bound = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
        )
        bound.__kwdefaults__ = function.__kwdefaults__
        return bound


def leaves(value, kind) -> list:
    """The tensors in nested structures."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in leaves(v, kind)]
    return []


def rebuilt(value, kind, tensors):
    """The same structure with other tensors, taken from an iterator."""
    if isinstance(value, kind):
        return next(tensors)
    if isinstance(value, dict):
        return {k: rebuilt(v, kind, tensors) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[rebuilt(v, kind, tensors) for v in value])
    if isinstance(value, (tuple, list)):
        return type(value)([rebuilt(v, kind, tensors) for v in value])
    return value


def compare(wanted, got) -> None:
    """AssertionError unless tensors agree; None counts as zeros."""
    assert len(wanted) == len(got), f"{len(got)} results, expected {len(wanted)}"
    for w, g in zip(wanted, got):
        if w is None and g is None:
            continue
        w = torch.zeros_like(g) if w is None else w.detach().resolve_conj().resolve_neg()
        g = torch.zeros_like(w) if g is None else g
        assert w.shape == g.shape, f"shape {tuple(g.shape)}, expected {tuple(w.shape)}"
        assert w.dtype == g.dtype, f"dtype {g.dtype}, expected {w.dtype}"
        torch.testing.assert_close(g, w, rtol=1e-5, atol=1e-6, equal_nan=True)


class Side:
    """One of the two libraries at work on a sample."""

    def __init__(self, cand: Candidate | None, function, sample, fix, wrap):
        module = torch if cand is None else cand.module
        self.tensor = module.Tensor
        self.grad = module.autograd.grad
        self.vmap = (torch if cand is None else cand.func).vmap
        self.forward_ad = torch.autograd.forward_ad if cand is None else cand.forward_ad
        self.carry = (lambda t: t) if cand is None else cand.to
        self.back = (lambda t: t) if cand is None else cand.back
        self.function, self.fix = wrap(function), fix
        self.values = self.carry((sample.input, sample.args, sample.kwargs))

    def call(self, tensors=None):
        """The tensors that the operator gives, on other tensors where they are given."""
        values = self.values if tensors is None else rebuilt(self.values, self.tensor, iter(tensors))
        return leaves(self.fix(self.function(values[0], *values[1], **values[2])), self.tensor)

    def inputs(self) -> list:
        return leaves(self.values, self.tensor)

    def backs(self, tensors) -> list:
        return [None if t is None else self.back(t) for t in tensors]


def gradgrad(side: Side, numbers) -> list:
    inputs = [t for t in side.inputs() if t.requires_grad]
    outputs = [o for o in side.call() if o.requires_grad]
    if not outputs or not inputs:
        raise Skip("nothing to differentiate")
    above = [side.carry(numbers(o.shape, str(o.dtype))).requires_grad_() for o in outputs]
    first = [
        g
        for g in side.grad(outputs, inputs, above, create_graph=True, allow_unused=True)
        if g is not None and g.requires_grad
    ]
    if not first:
        raise Skip("the gradient is constant")
    weights = [side.carry(numbers(g.shape, str(g.dtype))) for g in first]
    return side.backs(side.grad(first, [*inputs, *above], weights, allow_unused=True))


def forward(side: Side, numbers) -> list:
    inputs = side.inputs()
    fw = side.forward_ad
    with fw.dual_level():
        duals = [
            fw.make_dual(t.detach(), side.carry(numbers(t.shape, str(t.dtype)))) if t.requires_grad else t
            for t in inputs
        ]
        pairs = [fw.unpack_dual(o) for o in side.call(duals)]
        return side.backs([t for p in pairs for t in (p.primal, p.tangent)])


def vmap(side: Side, numbers, alone: bool) -> list:
    inputs = [t.detach() for t in side.inputs()]
    if not inputs:
        raise Skip("no tensor")
    batch = [i == 0 or not alone for i in range(len(inputs))]
    given = [_pair(side, t) if b else t for t, b in zip(inputs, batch)]
    run = side.vmap(
        lambda *tensors: tuple(side.call(tensors)),
        in_dims=tuple(0 if b else None for b in batch),
        randomness="different",
    )
    return side.backs(run(*given))


def _pair(side: Side, t):
    """A batch of two: the tensor, and (for floats) another near it."""
    found = side.back(t)
    other = found * 0.875 if found.dtype.is_floating_point or found.dtype.is_complex else found
    return side.carry(torch.stack([found, other]).detach())


PASSES = {
    "gradgrad": lambda op: [gradgrad] if op.supports_gradgrad and op.supports_autograd else [],
    "forward": lambda op: [forward] if op.supports_forward_ad else [],
    "vmap": lambda op: [lambda s, n: vmap(s, n, False), lambda s, n: vmap(s, n, True)],
}


def numbers_of(seed: int):
    """Random numbers, the same for both libraries."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(shape, dtype: str):
        return torch.randn(tuple(shape), dtype=getattr(torch, dtype.split(".")[-1]), generator=generator)

    return numbers


def check(cand: Candidate, op, what: str, limit: int, seconds: int) -> tuple[str, str, int]:
    """``(status, detail, samples)``; the status is pass, fail, slow or skip."""
    count = 0
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(seconds)
    try:
        for _ in _samples(cand, op, what, limit):
            count += 1
        return ("pass" if count else "skip"), "", count
    except Skip as reason:
        return ("skip", str(reason), count) if "no counterpart" not in str(reason) else ("fail", str(reason), count)
    except Slow:
        return "slow", f"over {seconds} s", count
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:200]
        return "fail", f"{type(error).__name__}: {text} [{where.filename.rsplit('/', 1)[-1]}:{where.lineno}]", count
    finally:
        signal.alarm(0)


def _alarm(*_):
    raise Slow


def _samples(cand: Candidate, op, what: str, limit: int):
    differentiable = what != "vmap"
    dtype = torch.float64
    if dtype not in op.dtypes:
        if differentiable:
            raise Skip("no float64")
        dtype = next(
            iter(d for d in (torch.int64, torch.bool, torch.complex128, torch.float32) if d in op.dtypes), None
        )
    if dtype is None or RANDOM.match(op.name) or _name(op) in ALIASING:
        raise Skip("random, or bound to memory")
    if what == "gradgrad" and _name(op) in CONSTANT:
        raise Skip("PyTorch's gradient is a constant")
    for sample in itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=differentiable), limit):
        for run in PASSES[what](op):
            wrap = _valid_inputs(op, None) if differentiable else _unchanged
            ours = _valid_inputs(op, cand) if differentiable else _unchanged
            fix = sample.output_process_fn_grad or (lambda x: x)
            try:
                wanted = run(Side(None, op.op, sample, fix, wrap), numbers_of(1))
            except Exception:
                continue  # not supported by PyTorch
            try:
                side = Side(cand, cand.resolve(op), sample, cand.rebind(fix), ours)
            except Skip as reason:
                if "no counterpart" in str(reason):
                    raise
                continue
            compare(wanted, run(side, numbers_of(1)))
            yield


def _valid_inputs(op, cand: Candidate | None):
    """How PyTorch's own checks keep an operator's inputs valid when they vary: symmetric, say."""
    wrapper = op.gradcheck_wrapper
    if "masked" in getattr(wrapper, "__name__", "masked"):
        return lambda function: function
    wrapper = wrapper if cand is None else cand.rebind(wrapper)
    return lambda function: lambda *args, **kwargs: wrapper(function, *args, **kwargs)


def _unchanged(function):
    return function


def _name(op) -> str:
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", default="flambeau")
    parser.add_argument("--ops", default=".", help="regular expression over operator names")
    parser.add_argument("--what", default="gradgrad,forward,vmap")
    parser.add_argument("--limit", type=int, default=8, help="most samples an operator")
    parser.add_argument("--seconds", type=int, default=40, help="most seconds an operator and pass")
    parser.add_argument("--json", help="write every row to this file")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print each operator that does not pass, as it is found"
    )
    args = parser.parse_args()
    cand = Candidate(importlib.import_module(args.module))
    rows = []
    for op in sorted(cmi.op_db, key=_name):
        if not re.search(args.ops, _name(op)) or INTERNAL.match(op.name):
            continue
        for what in args.what.split(","):
            torch.manual_seed(0)
            np.random.seed(0)
            status, detail, count = check(cand, op, what, args.limit, args.seconds)
            rows.append({"op": _name(op), "pass": what, "status": status, "samples": count, "detail": detail})
            if args.verbose and status in ("fail", "slow"):
                print(f"{what:8} {_name(op):45} {status:5} {detail}", flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(rows, file, indent=0)
    for what in args.what.split(","):
        tally = collections.Counter(r["status"] for r in rows if r["pass"] == what)
        judged = sum(tally.values()) - tally["skip"]
        share = 100 * tally["pass"] / judged if judged else 0.0
        print(f"{what:8} {tally['pass']:4}/{judged} operators pass ({share:.1f} %); left out {tally['skip']}")


if __name__ == "__main__":
    main()
