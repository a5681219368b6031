"""Runs one program of moving elements in flambeau and in PyTorch: shapes, dtypes, values, views and gradients agree."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def ramp(*shape: int) -> np.ndarray:
    """0, 1, 2, ... in this shape."""
    return np.arange(float(np.prod(shape))).reshape(shape)


def results(value) -> list:
    """The tensors of a result, in order."""
    if isinstance(value, (tuple, list)):
        return [r for v in value for r in results(v)]
    return [value]


def same(ours, theirs) -> None:
    """Fail unless both are equal tensors of one shape and dtype."""
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(
        np.asarray(ours.detach().numpy()), theirs.detach().resolve_conj().numpy(), rtol=1e-6, atol=1e-9
    )


def moves(program, *arrays) -> None:
    """``program(library, *tensors)`` gives the same results, and floating-point inputs the same gradients; or the same exception."""
    try:
        want, want_inputs = run(torch, program, arrays)
    except Exception as error:
        with pytest.raises(type(error)):
            for r in results(run(flambeau, program, arrays)[0]):
                r.detach().numpy()
        return
    got, got_inputs = run(flambeau, program, arrays)
    assert len(results(got)) == len(results(want))
    for ours, theirs in zip(results(got), results(want)):
        same(ours, theirs)
        assert ours.requires_grad == theirs.requires_grad
    for ours, theirs in zip(gradients(flambeau, got, got_inputs), gradients(torch, want, want_inputs)):
        if theirs is None or ours is None:
            assert not (ours if theirs is None else theirs).any() if (ours is None) != (theirs is None) else True
        else:
            same(ours, theirs)


def run(library, program, arrays):
    """The program's result, and its inputs as tensors."""
    inputs = [library.tensor(a, requires_grad=a.dtype.kind in "fc") if isinstance(a, np.ndarray) else a for a in arrays]
    return program(library, *inputs), inputs


def gradients(library, value, inputs) -> list:
    """Gradients of a weighted sum of the results."""
    outputs = [r for r in results(value) if r.requires_grad]
    leaves = [x for x in inputs if hasattr(x, "requires_grad") and x.requires_grad]
    if not outputs or not leaves:
        return []
    weights = [library.tensor(np.sin(ramp(*r.shape) + 1), dtype=r.dtype) for r in outputs]
    return list(library.autograd.grad(outputs, leaves, weights, allow_unused=True))
