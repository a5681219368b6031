"""Means, variances, medians, quantiles, covariances, histograms."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import call, check, flambeau, method, normal, refuses

X = normal(3, 4, 5)
HOLES = np.where(np.arange(12).reshape(3, 4) % 5 == 2, np.nan, np.arange(12).reshape(3, 4) * 0.7).astype("float32")


@pytest.mark.parametrize("name", ["mean", "var", "std", "nanmean", "nansum"])
@pytest.mark.parametrize("arguments", [{}, {"dim": 1}, {"dim": (0, 2), "keepdim": True}])
def test_over_dimensions(name, arguments):
    check(call(name, **arguments), X, grad=1)


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.parametrize("correction", [0, 1, 2])
def test_correction(name, correction):
    check(call(name, dim=1, correction=correction), X, grad=1)


def test_the_old_flag_of_variances():
    check(lambda m, x: m.var(x, False), X)
    check(lambda m, x: x.std(1, True), X)
    check(lambda m, x: x.var(1, unbiased=False), X)


def test_variance_does_not_cancel():
    x = flambeau.tensor(normal(1000, dtype="float64").astype("float32") + 10000)
    assert abs(x.var().item() - float(np.var(x.numpy().astype("float64"), ddof=1))) < 1e-3


def test_standard_deviation_of_equal_numbers_has_gradient_zero():
    check(lambda m, x: x.std(), np.full((4,), 2.0, np.float32), grad=1)


@pytest.mark.filterwarnings("ignore")
def test_variance_without_freedom():
    check(lambda m, x: x.var(), np.array([3.0], np.float32), grad=1)
    check(lambda m, x: x.mean(), np.zeros((0,), np.float32))


def test_means_refuse_integers():
    for name in ("mean", "var", "nanmean"):
        refuses(method(name), np.arange(4))
    check(lambda m, x: x.mean(dtype=m.float64), np.arange(4))


def test_mean_of_halves_is_computed_in_float32():
    check(lambda m, x: x.to(m.bfloat16).mean(), np.linspace(0, 1, 5000, dtype=np.float32), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["median", "nanmedian"])
def test_medians(name):
    check(method(name), X, grad=1)
    check(method(name, 1), X, grad=1)
    check(method(name, 1, keepdim=True), HOLES)
    check(method(name), HOLES)
    refuses(method(name, 1), np.zeros((2, 0), np.float32))


def test_mode():
    check(lambda m, x: x.mode(1), np.array([[2, 1, 1, 3], [5, 5, 5, 5], [4, 3, 2, 1]]))


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles(interpolation):
    q = np.array([0.0, 0.25, 0.6, 1.0], np.float32)
    check(lambda m, x, q: m.quantile(x, q, dim=1, interpolation=interpolation), X, q, grad=1)
    check(lambda m, x, q: m.nanquantile(x, q, dim=1, interpolation=interpolation, keepdim=True), HOLES, q)
    check(lambda m, x: m.quantile(x, 0.3, interpolation=interpolation), HOLES)


def test_quantiles_outside_of_0_to_1_are_refused():
    refuses(lambda m, x: m.quantile(x, 1.5), X)
    refuses(lambda m, x: m.quantile(x, 0.5, interpolation="cubic"), X)
    refuses(lambda m, x: m.quantile(x.int(), 0.5), X)


def test_covariance():
    x = normal(3, 6, dtype="float64")
    check(lambda m, x: m.cov(x), x, grad=1)
    check(
        lambda m, x, f, a: m.cov(x, fweights=f, aweights=a),
        x,
        np.array([1, 2, 1, 3, 1, 1]),
        np.linspace(0.1, 1, 6),
        grad=1,
    )
    check(lambda m, x: m.corrcoef(x), x, grad=1)
    refuses(lambda m, x: m.cov(x, fweights=x[0]), x)


def test_histograms():
    x = normal(200)
    check(lambda m, x: m.histc(x, 7), x)
    check(lambda m, x: m.histc(x, 5, -1, 1), x)
    check(lambda m, x: m.histogram(x, 6), x)
    check(lambda m, x: m.histogram(x, 4, range=(-1.0, 1.0), density=True), x)
    check(lambda m, x, e, w: m.histogram(x, e, weight=w), x, np.array([-1, 0, 0.5, 2], np.float32), np.abs(x))
    check(lambda m, x: m.bincount(x), np.array([1, 5, 1, 0]))
    check(lambda m, x, w: m.bincount(x, w, minlength=8), np.array([1, 5, 1, 0]), np.array([0.5, 1, 2, 3]))
    refuses(lambda m, x: m.bincount(x), np.array([-1, 2]))


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@pytest.mark.parametrize("values", [[1.0, 2, 2, 3, 2], [1.0, np.nan, np.nan, 1.0], []], ids=str)
def test_the_gradient_of_the_median_of_all_is_shared_by_its_equals(name, values):
    torch = pytest.importorskip("torch")
    found = []
    for m in (flambeau, torch):
        x = m.tensor(values, requires_grad=True)
        getattr(m, name)(x).backward()
        found.append(x.grad.tolist())
    assert found[0] == pytest.approx(found[1], nan_ok=True)


@pytest.mark.filterwarnings("ignore")
def test_the_mean_of_one_number_is_no_view_of_it():
    x = flambeau.tensor(2.0)
    for deviation in (flambeau.var_mean, flambeau.std_mean):
        deviation(x)[1].add_(1)
    assert x.item() == 2.0


def test_the_gradient_of_a_mean_may_be_written():
    x = flambeau.ones(3, 4, requires_grad=True)
    (grad,) = flambeau.autograd.grad(x.mean(), x)
    assert grad.is_contiguous() and grad.mul_(12).tolist() == x.tolist()
