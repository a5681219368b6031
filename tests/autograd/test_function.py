"""User-defined operators: contexts, saved tensors, in-place ones, errors."""

from __future__ import annotations

import pytest

import flambeau as ft
from flambeau.autograd import Function, gradcheck, gradgradcheck
from flambeau.autograd.function import once_differentiable


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y


class ScaledProduct(Function):
    @staticmethod
    def forward(a, b, scale=2.0):
        return a * b * scale, a + b

    @staticmethod
    def setup_context(ctx, inputs, output):
        a, b, ctx.scale = inputs
        ctx.save_for_backward(a, b)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, by_product, by_sum):
        a, b = ctx.saved_tensors
        ctx.seen = (ctx.needs_input_grad, by_sum)
        return by_product * b * ctx.scale, by_product * a * ctx.scale, None


def test_it_is_an_operator_of_the_graph():
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    y = Exp.apply(x)
    assert y.grad_fn.name() == type(y.grad_fn).__name__ == "ExpBackward"
    y.sum().backward()
    assert x.grad.tolist() == x.exp().tolist()


def test_backward_is_differentiable_too():
    x = ft.randn(3, dtype=ft.float64, requires_grad=True)
    assert gradcheck(Exp.apply, (x,))
    assert gradgradcheck(Exp.apply, (x,))


def test_setup_context_with_defaults_and_missing_gradients():
    a, b = ft.tensor([3.0], requires_grad=True), ft.tensor([4.0])
    product, _ = ScaledProduct.apply(a, b)
    node = product.grad_fn
    product.backward()
    assert a.grad.tolist() == [8.0]
    assert node.seen == ((True, False, False), None)


def test_saved_tensors_are_freed_and_guarded():
    x = ft.tensor([1.0], requires_grad=True)
    y = Exp.apply(x)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    z = Exp.apply(x)
    z.detach().mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_in_place_functions_rebase_their_input():
    class Increment(Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 10

    leaf = ft.tensor([3.0], requires_grad=True)
    x = leaf * 2
    assert Increment.apply(x) is x
    x.backward()
    assert leaf.grad.tolist() == [20.0]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        Increment.apply(leaf)
    whole = leaf * ft.ones(3)
    Increment.apply(whole[1:])
    assert whole.grad_fn.name() == "torch::autograd::CopySlices"
    leaf.grad = None
    whole.sum().backward()
    assert leaf.grad.tolist() == [21.0]


def test_an_input_that_is_returned_becomes_another_tensor():
    class Negated(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return -grad

    x = ft.tensor([1.0], requires_grad=True)
    y = Negated.apply(x)
    assert y is not x
    y.backward()
    assert x.grad.tolist() == [-1.0]


def test_results_without_gradient():
    class WithIndex(Function):
        @staticmethod
        def forward(ctx, x):
            rest = x * 3
            ctx.mark_non_differentiable(rest)
            return x * 2, rest, ft.arange(2)

        @staticmethod
        def backward(ctx, grad, rest, index):
            assert rest.tolist() == [0.0]
            return grad * 2

    x = ft.tensor([1.0], requires_grad=True)
    y, rest, index = WithIndex.apply(x)
    assert (y.requires_grad, rest.requires_grad, index.requires_grad) == (True, False, False)
    y.backward()
    assert x.grad.tolist() == [2.0]


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        (lambda g: (g, g), RuntimeError, "incorrect number of gradients"),
        (lambda g: ft.ones(7), RuntimeError, "expected shape compatible"),
        (lambda g: 3.0, RuntimeError, "expected Variable or None"),
    ],
)
def test_wrong_gradients_are_refused(returned, error, text):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return returned(grad)

    with pytest.raises(error, match=text):
        Wrong.apply(ft.tensor([1.0, 2.0], requires_grad=True)).sum().backward()


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            return 2 * grad * ctx.saved_tensors[0]

    x = ft.tensor([3.0], requires_grad=True)
    seed = ft.ones(1, requires_grad=True)
    (first,) = ft.autograd.grad(Once.apply(x), x, seed, create_graph=True)
    assert first.tolist() == [6.0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.backward()


def test_instances_are_refused():
    with pytest.raises(RuntimeError, match="should not be instantiated"):
        Exp()


class _Cube:
    """The same Function for both libraries."""

    def __new__(cls, m):
        class Cube(m.autograd.Function):
            @staticmethod
            def forward(x, scale):
                return x**3 * scale, x > 0

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(inputs[0])
                ctx.save_for_forward(inputs[0])
                ctx.scale = inputs[1]

            @staticmethod
            def backward(ctx, grad, _):
                return 3 * ctx.saved_tensors[0] ** 2 * ctx.scale * grad, None

            @staticmethod
            def jvp(ctx, tangent, _):
                return 3 * ctx.saved_tensors[0] ** 2 * ctx.scale * tangent, None

            generate_vmap_rule = True

        return Cube


@pytest.mark.parametrize(
    "use",
    [
        lambda f, cube, x: f.jvp(cube, (x,), (x + 1,)),
        lambda f, cube, x: f.jacfwd(cube)(x),
        lambda f, cube, x: f.hessian(lambda t: cube(t).sum())(x),
        lambda f, cube, x: f.vmap(lambda t: f.jvp(cube, (t,), (t + 1,)))(x),
        lambda f, cube, x: f.jvp(f.vmap(cube), (x,), (x + 1,)),
    ],
)
def test_jvp(use):
    torch = pytest.importorskip("torch")
    found = []
    for m, f in ((ft, ft.func), (torch, torch.func)):
        result = use(f, lambda t, m=m: _Cube(m).apply(t, 2.0)[0], m.tensor([0.5, -1.5, 2.0], dtype=m.float64))
        found.append([t.flatten().tolist() for t in (result if isinstance(result, tuple) else (result,))])
    assert sum(found[0], []) == pytest.approx(sum(found[1], []))


def test_views_that_a_function_gives_are_not_written():
    class Row(Function):
        @staticmethod
        def forward(ctx, x):
            return x[0]

        @staticmethod
        def backward(ctx, grad):
            return ft.stack([grad, grad * 0])

    base = ft.ones(2, 3, requires_grad=True) * 1
    row = Row.apply(base)
    assert row._is_view()
    with pytest.raises(RuntimeError, match="Output 0 of RowBackward is a view and is being modified inplace"):
        row.mul_(2)
    base.mul_(2)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been modified inplace"):
        row.sum()
