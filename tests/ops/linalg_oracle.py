"""PyTorch as the oracle of linear algebra: values, first and second derivatives, errors."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def normal(*shape: int, complex: bool = False, seed: int = 0) -> np.ndarray:
    """A well-conditioned sample."""
    rng = np.random.default_rng(seed)
    made = rng.standard_normal(shape)
    return made + 1j * rng.standard_normal(shape) if complex else made


def _derivatives(module, function, arrays):
    """The value, the gradients for a fixed cotangent, and the gradients of those gradients' squared norm."""
    inputs = [module.from_numpy(a.copy()).requires_grad_() for a in arrays]
    value = function(module, *inputs)
    cotangent = normal(*value.shape, complex=value.dtype.is_complex, seed=1)
    first = module.autograd.grad(value, inputs, module.from_numpy(np.asarray(cotangent)), create_graph=True)
    squares = sum((g.abs() ** 2).sum() for g in first if g.requires_grad)
    second = module.autograd.grad(squares, inputs, allow_unused=True)
    return [None if t is None else t.detach().resolve_conj().numpy() for t in (value, *first, *second)]


def agree(function, *shapes, complex: bool) -> None:
    """``function(module, *tensors)`` means the same for both modules, twice differentiated."""
    arrays = [normal(*s, complex=complex, seed=i) for i, s in enumerate(shapes)]
    for ours, theirs in zip(_derivatives(flambeau, function, arrays), _derivatives(torch, function, arrays)):
        assert (ours is None) == (theirs is None)
        if theirs is not None:
            scale = 1 + np.abs(theirs).max(initial=0)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-7 * scale)


def same(function, atol: float = 1e-6) -> None:
    """``function(module)`` gives the same tensors, dtypes included."""
    ours, theirs = function(flambeau), function(torch)
    for a, b in zip(*[t if isinstance(t, tuple) else (t,) for t in (ours, theirs)]):
        assert str(a.dtype) == str(b.dtype)
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().resolve_conj().numpy(), atol=atol)


def refuses(function) -> str:
    """Both modules raise, flambeau an error of PyTorch's built-in type; gives our message."""
    with pytest.raises(Exception) as theirs:
        function(torch)
    builtin = next(c for c in theirs.type.__mro__ if c.__module__ == "builtins")
    with pytest.raises(builtin) as ours:
        function(flambeau)
    assert (theirs.type is torch.linalg.LinAlgError) == (ours.type is flambeau.linalg.LinAlgError)
    return str(ours.value)
