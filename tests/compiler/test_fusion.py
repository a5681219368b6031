"""What is fused and compiled gives what the operations give one by one, and what NumPy gives.

Small random programs of elementwise operations, reductions, views and broadcasts run on the reference backend, then
several times with compiled windows.
"""

from __future__ import annotations

import random
import warnings
from functools import partial

import numpy as np
import pytest
from tests.lazy.windows import NUMPY_ONLY, compiled_only, repeatedly, settle
from tests.random_programs import Machine, Observation, Step

import flambeau
import flambeau.lazy.run as lazy_run
import flambeau.nn.functional as F
from flambeau.compiler.targets.cpu.program import statistics

FUSIBLE = [
    "binary", "binary", "with_number", "with_number", "unary", "unary", "where", "clamp", "compare", "convert", "addcmul",
    "total", "reduce", "reduce", "reduce_dims", "reduce_pair", "along", "select", "slice", "transpose", "permute",
    "expand", "unsqueeze", "squeeze", "reshape", "diagonal", "write", "write_number", "write_through_view", "forget",
]
DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16"]
PROGRAMS_A_DTYPE = 20
TOLERANCE = {"float32": 1e-5, "float64": 1e-5, "float16": 2e-2, "bfloat16": 1e-1}  # some tensors are float32 always


class OneDtype(Machine):
    """Makes tensors of one dtype, and of float32 and bool now and then."""

    def __init__(self, name: str):
        super().__init__(flambeau)
        self.name = name

    def dtype(self, n: int):
        return getattr(flambeau, {5: "float32", 6: "bool"}.get(n % 8, self.name))


def random_program(seed: int) -> list[Step]:
    numbers = random.Random(seed)

    def step(name: str) -> Step:
        return Step(name, *(numbers.randrange(64) for _ in range(4)))

    starts = [step(numbers.choice(["new", "new", "new", "new_large"])) for _ in range(3)]
    return starts + [step(numbers.choice(FUSIBLE)) for _ in range(12)]


def observe(name: str, program: list[Step]) -> list[Observation]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return OneDtype(name).run(program)


def assert_close(expected: list[Observation], got: list[Observation], tolerance: float) -> None:
    """Equal but for rounding: ``tolerance`` relative to the largest number seen so far. 0 asks for equal bits."""
    assert [(o.step, o.kind) for o in expected] == [(o.step, o.kind) for o in got]
    scale = 1.0
    for e, g in zip(expected, got):
        if e.kind != "value":
            assert e == g
            continue
        assert e.seen.dtype == g.seen.dtype and e.seen.shape == g.seen.shape
        if not tolerance or e.seen.dtype.kind != "f":
            np.testing.assert_array_equal(g.seen, e.seen)
            continue
        finite = np.abs(e.seen[np.isfinite(e.seen)].astype(np.float64))
        scale = max(scale, float(finite.max(initial=0.0)))
        np.testing.assert_allclose(g.seen, e.seen, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


@pytest.fixture
def reference_backend(monkeypatch):
    """A context in which windows run on NumPy."""

    def run(function):
        settle()
        with monkeypatch.context() as patch:
            patch.setattr(lazy_run, "NUMPY_ONLY", True)
            patch.setattr(lazy_run, "_programs", {})
            result = function()
            settle()
        return result

    return run


@pytest.mark.parametrize("name", DTYPES)
def test_compiled_programs_equal_the_reference(name, reference_backend):
    tolerance = TOLERANCE.get(name, TOLERANCE["float32"])
    for seed in range(PROGRAMS_A_DTYPE):
        program = random_program(seed)
        expected = reference_backend(partial(observe, name, program))
        results = repeatedly(partial(observe, name, program), 3)
        try:
            assert_close(expected, results[0], tolerance)
            assert_close(expected, results[1], tolerance)
            assert_close(results[1], results[2], 0)  # what is compiled gives the same bits every time
        except AssertionError as error:
            raise AssertionError(f"{name}, program {seed}: {program}\n{error}") from None


# -- the shapes that fusion is for --------------------------------------------------------------------------------------------

LAYOUTS = {
    "rows": lambda lib: lib.arange(48.0).reshape(6, 8) / 7 % 3,
    "transposed": lambda lib: (lib.arange(48.0).reshape(8, 6) / 7 % 3).t(),
    "every second column": lambda lib: (lib.arange(96.0).reshape(6, 16) / 7 % 3)[:, ::2],
    "one row": lambda lib: lib.arange(8.0).reshape(1, 8) / 3,
    "one column": lambda lib: lib.arange(6.0).reshape(6, 1) / 3,
    "one element": lambda lib: lib.ones(1, 1),
    "expanded": lambda lib: (lib.arange(8.0) / 3).expand(6, 8),
    "no rows": lambda lib: lib.zeros(0, 8),
    "wide": lambda lib: lib.arange(3 * 5000.0).reshape(3, 5000) / 7 % 3,
    "tall": lambda lib: lib.arange(5000 * 3.0).reshape(5000, 3) / 7 % 3,
}


def softmax(lib, x):
    return lib.softmax(x, 1)


def softmax_of_columns(lib, x):
    return lib.softmax(x, 0)


def log_softmax(lib, x):
    return lib.log_softmax(x, -1)


def layer_norm(lib, x):
    weight = lib.arange(float(x.shape[1])) / 5 + 1
    return lib.nn.functional.layer_norm(x, (x.shape[1],), weight, weight - 1)


def normalized_by_hand(lib, x):
    centred = x - x.mean(1, keepdim=True)
    return centred / ((centred * centred).mean(1, keepdim=True) + 1e-5).sqrt()


def gelu(lib, x):
    return lib.nn.functional.gelu(x)


def cross_entropy(lib, x):
    target = lib.arange(x.shape[0]) % x.shape[1]
    return lib.nn.functional.cross_entropy(x, target, reduction="sum")


def linear_and_relu(lib, x):
    weight = (lib.arange(4.0 * x.shape[1]).reshape(4, x.shape[1]) % 5) / 3 - 0.5
    return lib.nn.functional.relu(lib.nn.functional.linear(x, weight))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "function",
    [softmax, softmax_of_columns, log_softmax, layer_norm, normalized_by_hand, gelu, cross_entropy, linear_and_relu],
)
def test_rows_forward_and_backward(function, layout):
    torch = pytest.importorskip("torch")

    def results(lib):
        x = LAYOUTS[layout](lib).detach().requires_grad_()
        y = function(lib, x)
        (y * y * y).sum().backward()
        return y.tolist(), x.grad.tolist()

    expected = results(torch)
    for got in repeatedly(lambda: results(flambeau), 3):
        for e, g in zip(expected, got):
            largest = np.abs(np.array(e)).max(initial=1.0)
            np.testing.assert_allclose(np.array(g), np.array(e), rtol=2e-4, atol=2e-6 * largest)


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_rows_of_a_0_dim_tensor(function):
    torch = pytest.importorskip("torch")
    shapes = {lib: (lambda lib=lib: lib.tensor(1.5)) for lib in (torch, flambeau)}
    dim0 = {softmax: lambda lib: lib.softmax(shapes[lib](), 0), log_softmax: lambda lib: lib.log_softmax(shapes[lib](), 0)}
    for got in repeatedly(lambda: dim0[function](flambeau).item(), 3):
        assert got == dim0[function](torch).item()


# -- how much is fused -----------------------------------------------------------------------------------------------------


def steps_of_last_program(function) -> list:
    for _ in range(3):
        settle()
        function()
    entries = [e for e in lazy_run._programs.values() if e.program is not None]
    return entries[-1].program.fused.steps


@compiled_only
@pytest.mark.parametrize(
    ("function", "most"),
    [
        (lambda x: (((x * 2 + 1).tanh() - x).abs() / 3).exp(), 1),
        (lambda x: flambeau.softmax(x, 1), 1),
        (lambda x: F.layer_norm(x, (x.shape[1],)), 1),
        (lambda x: (x.view(-1) + 1).view(50, 40).unsqueeze(0) * 2, 2),
        (lambda x: flambeau.cat([x.exp(), x * 2, x.exp() - x], 1), 1),
        (lambda x: flambeau.stack([x.exp(), x * 2, x.exp() - x]), 1),
    ],
    ids=["a chain", "softmax", "layer norm", "a chain over views", "columns side by side", "blocks one after the other"],
)
def test_one_nest(function, most):
    x = flambeau.ones(40, 50)
    settle()
    assert len(steps_of_last_program(lambda: function(x).tolist())) <= most


# -- what compiles nothing again -----------------------------------------------------------------------------------------------


def train(lr: float, batch: int, steps: int = 6) -> float:
    """A few steps of a small net."""
    flambeau.manual_seed(0)
    weights = [(flambeau.rand(16, 8) - 0.5).requires_grad_(), (flambeau.rand(3, 16) - 0.5).requires_grad_()]
    x = flambeau.arange(batch * 8.0).reshape(batch, 8) % 5
    target = flambeau.arange(batch) % 3
    for _ in range(steps):
        loss = F.cross_entropy(F.linear(F.relu(F.linear(x, weights[0])), weights[1]), target)
        loss.backward()
        with flambeau.no_grad():
            for w in weights:
                w -= lr * w.grad
                w.grad = None
        last = loss.item()
    return last


@compiled_only
def test_another_number_compiles_nothing():
    repeatedly(lambda: train(0.1, 12), 3)
    kernels, programs = statistics.kernels, statistics.programs
    first, second = train(0.05, 12), train(0.2, 12)
    assert first != second
    assert (statistics.kernels, statistics.programs) == (kernels, programs)


@compiled_only
def test_another_batch_size_compiles_no_kernel():
    for batch in (12, 20):
        repeatedly(lambda batch=batch: train(0.1, batch), 3)
    kernels = statistics.kernels
    for batch in (28, 52, 36):
        repeatedly(lambda batch=batch: train(0.1, batch), 3)
    assert statistics.kernels == kernels


def test_the_backends_are_what_the_environment_says():
    assert lazy_run.NUMPY_ONLY == NUMPY_ONLY
