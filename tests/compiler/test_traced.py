"""Kernels translated from NumPy meanings: PyTorch's values, and the same bits at first sight as compiled."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
from flambeau.compiler.meanings import MEANINGS, repeated

torch = pytest.importorskip("torch")

SPECIAL = np.array([0.0, -0.0, 1, -1, 0.3, -0.7, 2.5, -3.5, 9.9, 20, -20, 1e-5, 1e30, -1e30, np.inf, -np.inf, np.nan, 0.5, 24.9, 1e-40])
PAIRS = np.array([[x, y] for x in SPECIAL for y in SPECIAL]).T


def agree(function, *arrays, dtype: str) -> None:
    expected = function(torch, *[torch.tensor(a.astype(dtype)) for a in arrays]).numpy()
    inputs = [flambeau.tensor(a.astype(dtype)) for a in arrays]
    first, _, compiled = [function(flambeau, *inputs).numpy() for _ in range(3)]
    np.testing.assert_allclose(first, expected, rtol=4e-5 if dtype == "float32" else 1e-9, atol=1e-16 if dtype == "float64" else 2e-8)
    assert first.tobytes() == compiled.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["deg2rad", "rad2deg", "sinc", "frac", "angle", "i0"])
def test_functions_of_one_tensor(name, dtype):
    agree(lambda t, x: getattr(t, name)(x), SPECIAL, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["i0e", "i1", "i1e", "erfcx", "ndtri", "log_ndtr", "ndtr", "entr"])
def test_special_functions(name, dtype):
    agree(lambda t, x: getattr(t.special, name)(x), SPECIAL, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["hypot", "nextafter", "logaddexp", "logaddexp2", "xlogy"])
def test_functions_of_two_tensors(name, dtype):
    agree(lambda t, x, y: getattr(t, name)(x, y), *PAIRS, dtype=dtype)


def test_loops_end_when_no_element_wants_another_turn():
    x = np.linspace(0.1, 30, 200)
    agree(lambda t, x: t.polygamma(2, x), x, dtype="float64")
    agree(lambda t, x: t.special.hermite_polynomial_he(x, t.arange(5, dtype=x.dtype)[:, None]), x, dtype="float64")
    assert repeated(lambda n: n < 10, lambda n: (n + 3,), np.array([1, 20]))[0].tolist() == [10, 29]


def test_every_meaning_can_be_translated():
    from flambeau.compiler.targets.cpu import traced
    from flambeau.compiler.targets.cpu.builder import Builder, Value

    for name, function in MEANINGS.items():
        count = 1
        for count in (1, 2):
            values = [Value(f"%x{i}", "<8 x float>") for i in range(count)]
            try:
                assert traced.emit(Builder(), name, values).type == "<8 x float>"
                break
            except TypeError:
                continue
        else:
            pytest.fail(f"{name} is not straight NumPy ({function})")
