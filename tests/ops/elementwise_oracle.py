"""Runs one elementwise program in flambeau and in PyTorch: values, dtypes, errors and gradients agree."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

NAN, INF = float("nan"), float("inf")
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-3, 30.0, -30.0, INF, -INF, NAN]
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "complex64": 5e-6, "float64": 1e-8}


def both(data, dtype: str = "float32", requires_grad: bool = False):
    """The same data as a flambeau and a PyTorch tensor."""
    theirs = torch.tensor(data, dtype=getattr(torch, dtype), requires_grad=requires_grad)
    ours = flambeau.tensor(data, dtype=getattr(flambeau, dtype), requires_grad=requires_grad)
    return ours, theirs


def values(tensor) -> np.ndarray:
    """A tensor's elements for comparing; bfloat16 as float32."""
    tensor = tensor.detach().resolve_conj()
    if "bfloat16" in str(tensor.dtype):
        tensor = tensor.float()
    return np.asarray(tensor.numpy())


def same(ours, theirs) -> None:
    """Fail unless both tensors have one shape, one dtype and the same elements (NaN equals NaN)."""
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    tolerance = TOLERANCE.get(str(theirs.dtype).removeprefix("torch."), 1e-12)
    np.testing.assert_allclose(values(ours), values(theirs), rtol=tolerance, atol=tolerance)


def agree(program, *data, dtype: str = "float32") -> None:
    """``program(torch, *tensors)`` gives the same in both libraries, or raises the same type of exception."""
    pairs = [both(d, dtype) if isinstance(d, (list, float, int, complex)) else d for d in data]
    try:
        want = program(torch, *[p[1] for p in pairs])
    except Exception as error:
        with pytest.raises(type(error)):
            program(flambeau, *[p[0] for p in pairs]).numpy()
        return
    same(program(flambeau, *[p[0] for p in pairs]), want)


def gradients_agree(program, *data, dtype: str = "float64") -> None:
    """The gradients of the sum of ``program(torch, *tensors)`` are the same."""
    pairs = [both(d, dtype, requires_grad=True) for d in data]
    for library, inputs in ((torch, [p[1] for p in pairs]), (flambeau, [p[0] for p in pairs])):
        result = program(library, *inputs)
        (result.abs() if result.is_complex() else result).sum().backward()
    for ours, theirs in pairs:
        assert (ours.grad is None) == (theirs.grad is None)
        if theirs.grad is not None:
            same(ours.grad, theirs.grad)
