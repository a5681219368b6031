"""Asks PyTorch: the same call on the same values, forwards and backwards."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def carried(value, module):
    """NumPy arrays as the module's tensors, tuples of them likewise; all else as it is."""
    if isinstance(value, np.ndarray):
        return module.tensor(value)
    if isinstance(value, (tuple, list)):
        return type(value)(carried(v, module) for v in value)
    return value


def flat(result) -> list:
    return [r for r in result] if isinstance(result, (tuple, list)) else [result]


def assert_equal(ours, theirs, **tolerance) -> None:
    """Shapes, dtypes and values agree."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype) == str(b.dtype)
        a, b = a.detach(), b.detach()
        if b.dtype is torch.bfloat16:
            a, b = a.float(), b.float()
        np.testing.assert_allclose(a.numpy(), b.numpy(), **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


def check(function, *values, grad: int = 0, **tolerance) -> None:
    """``function(module, *tensors)`` agrees for flambeau and PyTorch; so do the gradients of the first
    ``grad`` tensors."""
    results = []
    for module in (flambeau, torch):
        tensors = [carried(v, module) for v in values]
        for t in tensors[:grad]:
            t.requires_grad_()
        made = function(module, *tensors)
        outputs = [r for r in flat(made) if r.requires_grad]
        gradients = module.autograd.grad([weighted(module, r) for r in outputs], tensors[:grad]) if grad else ()
        results.append((flat(made), list(gradients)))
    (ours, our_gradients), (theirs, their_gradients) = results
    assert_equal(ours, theirs, **tolerance)
    assert_equal(our_gradients, their_gradients, **{"rtol": 1e-4, "atol": 1e-5, **tolerance})


def call(name: str, *arguments, **options):
    """``module.name(*tensors, *arguments)``, to be checked."""
    return lambda module, *tensors: getattr(module, name)(*tensors, *arguments, **options)


def method(name: str, *arguments, **options):
    """``tensor.name(*arguments)``, to be checked."""
    return lambda module, tensor: getattr(tensor, name)(*arguments, **options)


def weighted(module, result):
    """A number that depends on each element of ``result`` differently."""
    weights = np.cos(np.arange(result.numel())).reshape(tuple(result.shape)).astype(np.float64)
    return (result * module.tensor(weights).to(result.dtype)).sum()


def refuses(function, *values) -> None:
    """Both raise; ours the type that PyTorch raises."""
    with pytest.raises(Exception) as theirs:
        function(torch, *[carried(v, torch) for v in values])
    with pytest.raises(theirs.type):
        function(flambeau, *[carried(v, flambeau) for v in values])


def normal(*shape, seed: int = 0, dtype="float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


__all__ = ["assert_equal", "call", "check", "flambeau", "method", "normal", "refuses", "torch"]
