"""The losses of nn.functional, with their reductions, weights and gradients."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.reduction_oracle import check, flambeau, normal, refuses

torch = pytest.importorskip("torch")

X, Y = normal(4, 5), normal(4, 5, seed=1)
LABELS = np.array([1, 4, -100, 0])
WEIGHT = np.linspace(0.5, 2, 5, dtype=np.float32)
SIGNS = np.sign(Y)
REDUCTIONS = ["mean", "sum", "none"]


def loss(name, *arguments, **options):
    return lambda m, *tensors: getattr(m.nn.functional, name)(*tensors, *arguments, **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_class_indices(reduction, smoothing):
    options = {"reduction": reduction, "label_smoothing": smoothing}
    check(loss("cross_entropy", **options), X, LABELS, grad=1)
    check(loss("cross_entropy", **options), X, LABELS, WEIGHT, grad=1)
    check(loss("cross_entropy", ignore_index=4, **options), X, np.array([1, 4, 2, 0]), grad=1)
    check(loss("cross_entropy", **options), X[0], np.array(3), grad=1)
    check(
        loss("cross_entropy", **options),
        normal(2, 5, 3, 2),
        np.arange(12).reshape(2, 3, 2) % 5,
        WEIGHT,
        grad=1,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_probabilities(reduction, smoothing):
    shares = np.abs(Y) / np.abs(Y).sum(1, keepdims=True)
    check(loss("cross_entropy", reduction=reduction, label_smoothing=smoothing), X, shares, grad=2)
    check(loss("cross_entropy", reduction=reduction, label_smoothing=smoothing), X, shares, WEIGHT, grad=2)


def test_cross_entropy_of_large_logits_and_of_only_ignored_labels():
    check(loss("cross_entropy"), X * 1e4, np.array([1, 4, 2, 0]), grad=1)
    check(loss("cross_entropy"), X, np.full(4, -100))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss(reduction):
    check(loss("nll_loss", reduction=reduction), X, LABELS, WEIGHT, grad=1)
    check(loss("nll_loss", reduction=reduction), normal(2, 5, 3), np.arange(6).reshape(2, 3) % 5, grad=1)


def test_labels_that_do_not_fit():
    refuses(loss("cross_entropy"), X, LABELS[:3])
    refuses(loss("cross_entropy"), X, LABELS.astype("float32"))
    refuses(loss("cross_entropy"), X, LABELS, WEIGHT[:2])
    refuses(loss("cross_entropy", reduction="median"), X, LABELS)
    with pytest.raises(IndexError):
        flambeau.nn.functional.cross_entropy(flambeau.tensor(X), flambeau.tensor([0, 1, 5, 2])).item()


def test_nodes_carry_pytorchs_names():
    x = flambeau.tensor(X, requires_grad=True)
    F = flambeau.nn.functional
    assert F.cross_entropy(x, flambeau.tensor(LABELS)).grad_fn.name() == "NllLossBackward0"
    assert F.mse_loss(x, flambeau.tensor(Y)).grad_fn.name() == "MseLossBackward0"


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_distances(name, reduction):
    check(loss(name, reduction=reduction), X, Y, grad=2)


@pytest.mark.filterwarnings("ignore")
def test_distances_broadcast_with_a_warning():
    check(loss("mse_loss"), X, Y[:1], grad=2)
    check(loss("mse_loss", weight=None), X, Y)


def test_thresholds():
    check(loss("smooth_l1_loss", beta=0.3), X, Y, grad=2)
    check(loss("smooth_l1_loss", beta=0.0), X, Y, grad=1)
    check(loss("huber_loss", delta=0.3), X, Y, grad=2)
    refuses(loss("huber_loss", delta=-1.0), X, Y)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction):
    p, t = 1 / (1 + np.exp(-X)), (Y > 0).astype("float32")
    check(loss("binary_cross_entropy", reduction=reduction), p, t, WEIGHT, grad=1)
    check(
        lambda m, x, t, w: m.nn.functional.binary_cross_entropy_with_logits(x, t, pos_weight=w, reduction=reduction),
        X,
        t,
        WEIGHT,
        grad=2,
    )
    check(loss("binary_cross_entropy_with_logits", reduction=reduction), X * 100, t, grad=2)


def test_certain_probabilities_have_finite_losses():
    check(loss("binary_cross_entropy"), np.array([0.0, 1.0], np.float32), np.array([1.0, 1.0], np.float32))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_divergence(reduction, log_target):
    check(loss("kl_div", reduction=reduction, log_target=log_target), X, np.abs(Y), grad=2)


def test_likelihoods():
    counts = np.floor(np.abs(Y) * 3)
    for log_input in (True, False):
        check(loss("poisson_nll_loss", log_input=log_input, full=True), np.abs(X), counts, grad=1)
    check(loss("gaussian_nll_loss", full=True), X, Y, np.abs(normal(4, 1, seed=2)), grad=3)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margins(reduction):
    check(loss("soft_margin_loss", reduction=reduction), X, SIGNS, grad=1)
    check(loss("hinge_embedding_loss", reduction=reduction), X, SIGNS, grad=1)
    check(loss("margin_ranking_loss", margin=0.2, reduction=reduction), X, Y, SIGNS, grad=2)
    check(loss("multi_margin_loss", p=2, weight=None, reduction=reduction), X, np.array([1, 4, 2, 0]), grad=1)
    check(loss("multilabel_margin_loss", reduction=reduction), X, np.array([[1, 3, -1, 0, 0]] * 4), grad=1)
    check(loss("multilabel_soft_margin_loss", reduction=reduction), X, (Y > 0).astype("float32"), WEIGHT, grad=1)
    check(loss("cosine_embedding_loss", margin=0.1, reduction=reduction), X, Y, np.array([1, -1, 1, -1]), grad=2)
    check(loss("triplet_margin_loss", swap=True, reduction=reduction), X, Y, normal(4, 5, seed=2), grad=3)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc(reduction):
    logits = normal(10, 3, 5)
    targets = np.array([[1, 2, 2, 4], [3, 3, 0, 0], [1, 0, 0, 0]])

    def run(m, x, t):
        return m.nn.functional.ctc_loss(x.log_softmax(-1), t, (10, 8, 9), (4, 2, 1), reduction=reduction)

    check(run, logits, targets, grad=1)


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_of_too_few_steps(zero_infinity):
    def run(m, x, t):
        return m.nn.functional.ctc_loss(x.log_softmax(-1), t, (2,), (3,), zero_infinity=zero_infinity)

    check(run, normal(2, 1, 4), np.array([[1, 1, 2]]))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss"])
@pytest.mark.parametrize("input", ["bool", "int64", "float32", "float64"])
@pytest.mark.parametrize("target", ["bool", "int64", "float16", "float32"])
def test_dtypes_of_pairs(name, input, target):
    """Integers on both sides are refused; a bool counts as 0 or 1 beside floats."""

    def outcome(m):
        x, t = m.tensor([1, 0, 1]).to(getattr(m, input)), m.tensor([0, 0, 1]).to(getattr(m, target))
        try:
            loss = getattr(m.nn.functional, name)(x, t)
        except Exception as error:
            return type(error)
        return loss.item(), str(loss.dtype)

    expected = outcome(torch)
    assert outcome(flambeau) == (expected if isinstance(expected, type) else (pytest.approx(expected[0]), expected[1]))


@pytest.mark.parametrize("values", [([2.0, 0.1], [1.0, 0.0]), ([0.5, 0.1], [-1.0, 0.0]), ([float("nan"), 0.1], [1.0, 0.0])], ids=str)
def test_binary_cross_entropy_of_what_is_no_probability_is_an_error(values):
    for m in (flambeau, torch):
        for _ in range(2):  # run instruction by instruction, then compiled
            with pytest.raises(RuntimeError, match="should be between 0 and 1"):
                m.nn.functional.binary_cross_entropy(*map(m.tensor, values)).item()
        with pytest.raises(RuntimeError, match="should be between 0 and 1"):
            pair = [m.tensor([v, v]) for v in values]
            m.func.vmap(m.nn.functional.binary_cross_entropy)(*pair).tolist()
