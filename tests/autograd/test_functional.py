"""gradcheck, and autograd.functional compared with PyTorch."""

from __future__ import annotations

import pytest

import flambeau
from flambeau.autograd import functional as ours
from flambeau.autograd import gradcheck, gradgradcheck

torch = pytest.importorskip("torch")


def values(result):
    if isinstance(result, (tuple, list)):
        return [values(r) for r in result]
    return result.tolist()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("jacobian", lambda m, f: f(lambda a: a * a, m.tensor([1.0, 2.0]))),
        ("jacobian", lambda m, f: f(lambda a, b: (a * b).sum(1), (m.ones(2, 3), m.arange(3.0)))),
        ("jacobian", lambda m, f: f(lambda a: (a * a * a, a * 2), m.tensor(1.0))),
        ("hessian", lambda m, f: f(lambda a: (a * a * a).sum(), m.tensor([1.0, 2.0]))),
        ("hessian", lambda m, f: f(lambda a, b: (a * a * b).sum(), (m.tensor([1.0, 2.0]), m.tensor([3.0, 4.0])))),
        ("jacobian", lambda m, f: f(lambda a: (a * a, a.sum()), m.tensor([1.0, 2.0]), vectorize=True, strategy="forward-mode")),
        ("jacobian", lambda m, f: f(m.mul, (m.ones(2), m.arange(2.0)), vectorize=True, strategy="forward-mode")),
        ("hessian", lambda m, f: f(lambda a: a.prod(), m.ones(3), vectorize=True, outer_jacobian_strategy="forward-mode")),
        (
            "hessian",
            lambda m, f: f(
                lambda a, b: (a * b).prod(), (m.ones(2), m.ones(1)), vectorize=True, outer_jacobian_strategy="forward-mode"
            ),
        ),
        ("vjp", lambda m, f: f(lambda a: a * a, m.tensor([1.0, 2.0]), m.tensor([1.0, 10.0]))),
        ("jvp", lambda m, f: f(lambda a: a * a, m.tensor([1.0, 2.0]), m.tensor([1.0, 10.0]))),
        ("hvp", lambda m, f: f(lambda a: (a * a * a).sum(), m.tensor([1.0, 2.0]), m.tensor([1.0, 10.0]))),
        ("vhp", lambda m, f: f(lambda a: (a * a * a).sum(), m.tensor([1.0, 2.0]), m.tensor([1.0, 10.0]))),
    ],
)
def test_same_as_pytorch(name, call):
    found = call(flambeau, getattr(ours, name))
    expected = call(torch, getattr(torch.autograd.functional, name))
    assert values(found) == values(expected)


def test_forward_mode_needs_vectorize_and_is_not_strict():
    for options in ({}, {"strict": True, "vectorize": True}):
        with pytest.raises(NotImplementedError):
            ours.jacobian(lambda a: a * 2, flambeau.ones(2), strategy="forward-mode", **options)


def test_strict_refuses_independence():
    with pytest.raises(RuntimeError, match="independent"):
        ours.jacobian(lambda a: flambeau.ones(2), flambeau.ones(2), strict=True)


def test_gradcheck_accepts_what_is_right_and_finds_what_is_wrong():
    x = flambeau.randn(3, 2, dtype=flambeau.float64, requires_grad=True)
    y = flambeau.randn(2, dtype=flambeau.float64, requires_grad=True)
    assert gradcheck(lambda a, b: (a * b).tanh(), (x, y))
    assert gradgradcheck(lambda a, b: (a * b).tanh(), (x, y))

    class Wrong(flambeau.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(Wrong.apply, (x,))
    assert not gradcheck(Wrong.apply, (x,), raise_exception=False)
    with pytest.raises(ValueError, match="at least one input tensor"):
        gradcheck(lambda a: a, (x.detach(),))


@pytest.mark.parametrize("argument", ["check_batched_forward_grad", "masked"])
def test_gradcheck_refuses_by_name_what_it_cannot_check(argument):
    x = flambeau.ones(2, dtype=flambeau.float64, requires_grad=True)
    with pytest.raises(NotImplementedError, match=argument):
        gradcheck(lambda a: a * 2, (x,), **{argument: True})


def test_gradcheck_in_forward_mode_and_in_batches():
    x = flambeau.tensor([0.5, -1.5, 2.0], dtype=flambeau.float64, requires_grad=True)
    z = flambeau.tensor([1 + 2j, -0.5j], dtype=flambeau.complex128, requires_grad=True)
    assert gradcheck(lambda a: (a.sin() * a.sum(), a.prod()), (x,), check_forward_ad=True, check_batched_grad=True)
    assert gradcheck(lambda a: a.abs() * a.real, (z,), check_forward_ad=True, check_backward_ad=False)
    assert gradgradcheck(lambda a: a**3 * a.cos(), (x,), check_fwd_over_rev=True, check_rev_over_rev=False)

    class Wrong(flambeau.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

        @staticmethod
        def jvp(ctx, t):
            return t * 3

    assert gradcheck(Wrong.apply, (x,))
    with pytest.raises(RuntimeError, match="forward mode mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong.apply, (x,), check_forward_ad=True)
