"""``torch.masked``: what a mask leaves out does not count."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as fl

torch = pytest.importorskip("torch")
pytest.importorskip("torch.masked")

X = np.array([[-3.0, -2.0, -1.0, 4.0], [0.5, 1.0, 2.0, -0.5], [7.0, 1.0, 1.0, 3.0]], np.float32)
MASK = np.array([[True, False, True, True], [True, True, False, True], [False, False, False, False]])
REDUCTIONS = ["sum", "prod", "mean", "amax", "amin", "argmax", "argmin", "norm", "var", "std", "logsumexp"]
NORMALIZATIONS = ["softmax", "log_softmax", "softmin", "cumsum", "cumprod"]


def both(name, *args, mask=MASK, x=X, **kwargs):
    """The same call here and there."""
    results = []
    for lib in (fl, torch):
        given = {k: getattr(lib, v) if k == "dtype" else v for k, v in kwargs.items()}
        given["mask"] = None if mask is None else lib.from_numpy(mask.copy())
        results.append(getattr(lib.masked, name)(lib.from_numpy(x.copy()), *args, **given))
    return results


def same(ours, theirs) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_a_masked_sum_is_the_sum_of_what_is_left():
    x, mask = fl.from_numpy(X), fl.from_numpy(MASK)
    assert fl.masked.sum(x, mask=mask).item() == X[MASK].sum()
    assert fl.masked.mean(x, mask=mask).item() == pytest.approx(X[MASK].mean())
    assert fl.masked._ops.sum is fl.masked.sum  # as PyTorch's documentation writes it
    assert fl.masked.var(x, mask=mask).item() == pytest.approx(X[MASK].var(ddof=1))


@pytest.mark.parametrize("mask", [MASK, None, MASK[1], MASK[:, :1]])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, mask):
    for options in ({}, {"dim": 0}, {"dim": 1, "keepdim": True}, {"dim": (0, 1)}, {"dim": 1, "dtype": "float64"}):
        if name.startswith("arg") and isinstance(options.get("dim"), tuple):
            continue
        same(*both(name, mask=mask, **options))


@pytest.mark.parametrize("mask", [MASK, None, MASK[0]])
@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_normalizations_and_scans(name, mask):
    same(*both(name, 1, mask=mask))
    same(*both(name, 0, mask=mask))


def test_normalize_and_orders_of_norms():
    for order in (2.0, 1.0, 0, float("inf"), -float("inf"), 3.0):
        same(*both("norm", order, 1))
        if order:
            same(*both("normalize", order, 1))


def test_median():
    same(*both("median", 1))
    same(*both("median", 0, keepdim=True))
    integers = X[:2].astype(np.int32)
    same(*both("median", 1, x=integers, mask=MASK[:2]))
    for lib in (fl, torch):
        with pytest.raises(ValueError):
            lib.masked.median(lib.from_numpy(X.astype(np.int32)), 1, mask=lib.from_numpy(MASK))


def test_logaddexp_with_a_mask_for_each():
    results = []
    for lib in (fl, torch):
        x, mask = lib.from_numpy(X.copy()), lib.from_numpy(MASK.copy())
        results.append(lib.masked.logaddexp(x, x + 1, input_mask=mask, other_mask=~mask))
    same(*results)


@pytest.mark.parametrize("name", ["sum", "prod", "amax", "amin", "argmax", "argmin", "var", "std"])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64"])
def test_integers(name, dtype):
    same(*both(name, 1, x=np.abs(X).astype(dtype)))


def test_correction_of_variances():
    for options in ({"unbiased": False}, {"correction": 0}, {"correction": 1.5}, {"correction": 9}):
        same(*both("var", 1, **options))
        same(*both("std", 1, **options))
    for lib in (fl, torch):
        with pytest.raises(AssertionError):
            lib.masked.var(lib.ones(3), 0, True, correction=1)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "amax", "var", "std", "logsumexp", "softmax", "cumsum"])
def test_gradients_reach_only_what_is_not_masked(name):
    gradients = []
    for lib in (fl, torch):
        x = lib.from_numpy(X[:2].astype(np.float64)).requires_grad_()
        result = getattr(lib.masked, name)(x, 1, mask=lib.from_numpy(MASK[:2].copy()))
        (result * result).sum().backward()
        gradients.append(x.grad)
    same(*gradients)
    assert not gradients[0].numpy()[~MASK[:2]].any()


@pytest.mark.parametrize("call, error", [
    (lambda m, x, mask: m.sum(x[0], 0, mask=mask), IndexError),
    (lambda m, x, mask: m.sum(x, 5, mask=mask), IndexError),
    (lambda m, x, mask: m.sum(x, (0, 0), mask=mask), RuntimeError),
    (lambda m, x, mask: m.sum(x, 0, mask=mask[:2]), RuntimeError),
    (lambda m, x, mask: m.mean(x.int(), 0, mask=mask), ValueError),
    (lambda m, x, mask: m.amax(x.bool(), 0, mask=mask), NotImplementedError),
    (lambda m, x, mask: m.norm(x.int(), 2.0, 0, mask=mask), RuntimeError),
    (lambda m, x, mask: m.softmax(x.int(), 0, mask=mask), NotImplementedError),
    (lambda m, x, mask: m.cumsum(x.bool(), 0, mask=mask), NotImplementedError),
    (lambda m, x, mask: m.amax(x[:0], 0), IndexError),
])  # fmt: skip
def test_errors_are_those_of_pytorch(call, error):
    for lib in (fl, torch):
        with pytest.raises(error):
            call(lib.masked, lib.from_numpy(X.copy()), lib.from_numpy(MASK.copy()))


def test_empty_and_0_dim():
    assert fl.masked.sum(fl.ones(2, 0), 1).tolist() == [0, 0]
    assert fl.masked.sum(fl.tensor(2.0), mask=fl.tensor(False)).item() == 0
    assert fl.masked.amin(fl.tensor(2.0), mask=fl.tensor(False)).item() == float("inf")
