"""Warnings that a process shows once."""

from __future__ import annotations

import warnings

import pytest

import flambeau
from flambeau.runtime import warning

torch = pytest.importorskip("torch")


def shown(action) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return caught


@pytest.fixture(autouse=True)
def nothing_was_shown(monkeypatch):
    monkeypatch.setattr(warning, "_shown", set())


def test_a_warning_is_shown_once_and_names_the_line_of_the_user():
    def call():
        flambeau.chain_matmul(flambeau.ones(2, 2), flambeau.ones(2, 2))

    (told,) = shown(call)
    assert told.filename == __file__
    assert shown(call) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda F, x: F.cross_entropy(x, flambeau.tensor([0, 1]), size_average=False),
        lambda F, x: F.kl_div(x, x),
        lambda F, x: F.mse_loss(x, x[0, :1]),
        lambda F, x: F.dropout2d(x),
        lambda F, x: flambeau.nn.Softmax()(x),
        lambda F, x: flambeau.nn.L1Loss(reduce=False),
    ],
)
def test_warnings_name_the_line_of_the_user(call):
    told = shown(lambda: call(flambeau.nn.functional, flambeau.ones(2, 2)))
    assert [w.filename for w in told] == [__file__]


def test_set_warn_always():
    flambeau.set_warn_always(True)
    try:
        assert flambeau.is_warn_always_enabled()
        calls = lambda: [flambeau.chain_matmul(flambeau.ones(1, 1)) for _ in range(3)]  # noqa: E731
        assert len(shown(calls)) == 3
    finally:
        flambeau.set_warn_always(False)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.cholesky(m.eye(2)),
        lambda m: m.lu_solve(m.eye(2), m.eye(2), m.tensor([1, 2], dtype=m.int32)),
        lambda m: m.triangular_solve(m.eye(2), m.eye(2)),
        lambda m: m.chain_matmul(m.eye(2), m.eye(2)),
        lambda m: m.set_default_tensor_type(m.FloatTensor),
        lambda m: m.ones(2).storage(),
        lambda m: m.asarray(m.ones(2, requires_grad=True)),
    ],
)
def test_what_pytorch_warns_of(call):
    torch.set_warn_always(True)
    try:
        theirs = shown(lambda: call(torch))
    finally:
        torch.set_warn_always(False)
    ours = shown(lambda: call(flambeau))
    assert [w.category for w in ours] == [w.category for w in theirs[:1]]
    assert str(ours[0].message)[:60] == str(theirs[0].message)[:60]
