"""``flambeau.func`` against ``torch.func``: derivatives of functions, batches, and one inside the other."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

RNG = np.random.RandomState(0)
X = RNG.randn(4, 3)
W = RNG.randn(5, 3)
LABELS = np.array([0, 1, 2, 1])


def same(compute):
    """``compute(torch, torch.func)`` gives equal tensors in both libraries, as much in the graph."""
    _agree(compute(torch, torch.func), compute(flambeau, flambeau.func))


def _agree(wanted, got):
    if isinstance(wanted, torch.Tensor):
        assert tuple(got.shape) == tuple(wanted.shape)
        assert got.requires_grad == wanted.requires_grad
        np.testing.assert_allclose(got.detach().numpy(), wanted.detach().numpy(), rtol=1e-9, atol=1e-9)
    elif isinstance(wanted, dict):
        for name in wanted:
            _agree(wanted[name], got[name])
    else:
        assert len(wanted) == len(got)
        for w, g in zip(wanted, got):
            _agree(w, g)


def square_of_tanh(t):
    return lambda x: (t.tanh(x) ** 2).sum()


class TestReverseMode:
    def test_grad(self):
        same(lambda t, f: f.grad(square_of_tanh(t))(t.tensor(X)))

    def test_grad_of_grad(self):
        same(lambda t, f: f.grad(lambda x: f.grad(lambda y: (y**3).sum())(x).sin().sum())(t.tensor(X)))

    def test_inner_and_outer_variable_are_told_apart(self):
        same(lambda t, f: f.grad(lambda x: x * f.grad(lambda y: x * y**2)(x))(t.tensor(3.0)))

    def test_several_arguments_and_aux(self):
        same(
            lambda t, f: f.grad_and_value(lambda x, y: ((x * y).sum(), x + 1), argnums=(0, 1), has_aux=True)(
                t.tensor(X), t.tensor(X + 1)
            )
        )

    def test_aux_leaves_without_the_history_of_the_function_s_own_arguments(self):
        for t, f in ((flambeau, flambeau.func), (torch, torch.func)):
            x, w = t.ones(3, requires_grad=True), t.ones(3, requires_grad=True)
            _, _, aux = f.vjp(lambda a, w=w: (a.sin(), (a * 2, a * w)), t.ones(3), has_aux=True)
            assert [value.requires_grad for value in aux] == [False, True]
            _, (same_x, aux) = f.grad(lambda a: (a.sum(), (a, a * 2)), has_aux=True)(x)
            assert same_x is x and aux.requires_grad
            assert not f.jacrev(lambda a: (a.sin(), a * 2), has_aux=True)(t.ones(3))[1].requires_grad

    def test_parameters_outside_stay_in_the_graph(self):
        def compute(t, f):
            w = t.tensor(W, requires_grad=True)
            g = f.grad(lambda x: (w @ x).sin().sum())(t.tensor(X[0]))
            return g, t.autograd.grad(g.sum(), w)[0]

        same(compute)

    def test_vjp_of_structures(self):
        def compute(t, f):
            out, pull = f.vjp(
                lambda d: {"a": d["x"] * 2, "b": d["x"].sum() * d["y"]}, {"x": t.tensor(X), "y": t.tensor(W)}
            )
            return out, pull({"a": t.ones_like(out["a"]), "b": t.ones_like(out["b"])})

        same(compute)

    @pytest.mark.parametrize("wrong", [
        lambda t, f: f.grad(lambda x: x * 2)(t.tensor(X)),
        lambda t, f: f.grad(lambda x: x.sum())(t.tensor(LABELS)),
        lambda t, f: f.grad(lambda x: x.sum(), argnums=3)(t.tensor(X)),
        lambda t, f: f.vjp(lambda x: x * 2, t.tensor(X))[1](t.ones(2)),
    ])  # fmt: skip
    def test_refusals(self, wrong):
        for t in (torch, flambeau):
            with pytest.raises(RuntimeError):
                wrong(t, t.func)


class TestForwardMode:
    def test_jvp(self):
        same(
            lambda t, f: f.jvp(
                lambda x, y: (x @ y.T).softmax(0), (t.tensor(X), t.tensor(W)), (t.tensor(X + 1), t.tensor(W * 2))
            )
        )

    def test_jvp_of_jvp(self):
        def compute(t, f):
            x, v = t.tensor(X), t.tensor(X * 2)
            return f.jvp(lambda y: f.jvp(t.sin, (y,), (v,))[1], (x,), (v,))

        same(compute)

    def test_writes_move_the_derivative(self):
        def func(t):
            def inner(x):
                y = x * 2
                y[0] = x[1].sin()
                y.mul_(x)
                return y

            return inner

        same(lambda t, f: f.jvp(func(t), (t.tensor(X),), (t.tensor(X + 1),)))

    @pytest.mark.parametrize("in_place", [False, True])
    @pytest.mark.parametrize("name", ["scatter", "index_put", "index_put, accumulated"])
    def test_the_last_value_written_to_a_place_stays_with_its_derivative(self, name, in_place):
        def func(t):
            def inner(x, values):
                x, rows = x * 1, t.tensor([2, 0, 2])
                if name == "scatter":
                    return (x.scatter_ if in_place else x.scatter)(0, rows[:, None].expand(3, 3), values)
                return (x.index_put_ if in_place else x.index_put)((rows,), values, "accumulated" in name)

            return inner

        same(lambda t, f: f.jvp(func(t), (t.tensor(X), t.tensor(W[:3])), (t.tensor(X + 1), t.tensor(W[:3] * 2))))

    def test_unpooling_where_an_index_occurs_twice(self):
        def func(t):
            return lambda x: t.nn.functional.max_unpool1d(x, t.tensor([[0, 3, 3], [1, 1, 5], [0, 2, 4], [5, 5, 5]]), 2)

        same(lambda t, f: f.jvp(func(t), (t.tensor(X),), (t.tensor(X + 1),)))

    @pytest.mark.parametrize("reduction", ["mean", "none"])
    @pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
    def test_losses_of_classes(self, name, reduction):
        def func(t):
            return lambda x: getattr(t.nn.functional, name)(x, t.tensor(LABELS), reduction=reduction)

        same(lambda t, f: f.jvp(func(t), (t.tensor(X),), (t.tensor(X + 1),)))
        same(lambda t, f: f.hessian(lambda x: func(t)(x).sum())(t.tensor(X)))

    def test_a_copy_has_a_derivative_of_its_own(self):
        def func(x):
            y = x.expand(4, 3).clone()
            y.mul_(x)
            return y + x

        same(lambda t, f: f.jvp(func, (t.tensor(X[0]),), (t.tensor(X[1]),)))
        same(lambda t, f: f.jacfwd(func)(t.tensor(X[0])))

    def test_linearize(self):
        same(lambda t, f: f.linearize(t.sin, t.tensor(X))[1](t.tensor(W[:4])))

    def test_dual_numbers(self):
        def compute(t, f):
            fw = t.autograd.forward_ad
            with fw.dual_level():
                dual = fw.make_dual(t.tensor(X), t.tensor(X * 2))
                result = fw.unpack_dual(t.nn.functional.layer_norm(dual, (3,)))
                assert fw.unpack_dual(t.tensor(X)).tangent is None
                return result.primal, result.tangent

        same(compute)

    def test_no_level(self):
        with pytest.raises(RuntimeError):
            flambeau.autograd.forward_ad.make_dual(flambeau.ones(2), flambeau.ones(2))


class TestJacobians:
    @pytest.mark.parametrize("name", ["jacrev", "jacfwd"])
    def test_jacobian(self, name):
        same(
            lambda t, f: getattr(f, name)(lambda x, y: (t.tanh(x).sum(0) * y, x.sum()), argnums=(0, 1))(
                t.tensor(X), t.tensor(X[0])
            )
        )

    @pytest.mark.parametrize("outer", ["jacrev", "jacfwd"])
    @pytest.mark.parametrize("inner", ["jacrev", "jacfwd"])
    def test_second_derivatives(self, outer, inner):
        same(lambda t, f: getattr(f, outer)(getattr(f, inner)(square_of_tanh(t)))(t.tensor(X[0])))

    def test_hessian_through_a_normalization(self):
        same(lambda t, f: f.hessian(lambda x: (t.nn.functional.layer_norm(x, (3,)) ** 3).sum())(t.tensor(X[0])))

    def test_chunks(self):
        same(lambda t, f: f.jacrev(t.sin, chunk_size=5)(t.tensor(X)))


class TestVmap:
    @pytest.mark.parametrize("in_dims, out_dims", [((0, None), 0), ((1, None), 1), ((-1, None), -1)])
    def test_dims(self, in_dims, out_dims):
        same(lambda t, f: f.vmap(lambda x, w: x.sum() * w, in_dims, out_dims)(t.tensor(X), t.tensor(W)))

    def test_structures(self):
        same(
            lambda t, f: f.vmap(lambda d, w: {"r": d["x"] @ w.T}, in_dims=({"x": 0}, None))(
                {"x": t.tensor(X)}, t.tensor(W)
            )
        )

    def test_nested(self):
        same(lambda t, f: f.vmap(lambda x: f.vmap(lambda y: x * y + x.sum())(t.tensor(W)))(t.tensor(X)))

    def test_samples_in_lists(self):
        flambeau.vmap(lambda x: x[([[0, 1], [1, 2]],)])(flambeau.tensor(X))  # a nested list says nothing of later ones
        same(lambda t, f: f.vmap(lambda x: t.stack([x, x * 2]))(t.tensor(X)))

    def test_in_chunks(self):
        same(lambda t, f: f.vmap(lambda x: x.sort().values, chunk_size=3)(t.tensor(X)))

    def test_promotion_is_that_of_a_sample(self):
        same(lambda t, f: f.vmap(lambda x: x * t.ones(3, dtype=t.float32))(t.tensor([1.0, 2.0], dtype=t.float64)))

    def test_writes_to_a_sample(self):
        def func(t):
            def inner(x, i):
                y = x.clone()
                y[0] = 7.0
                y[1:] += x[i]
                return y, t.zeros_like(x).scatter_(0, i[None], x[:1])

            return inner

        same(lambda t, f: f.vmap(func(t))(t.tensor(X), t.tensor(LABELS)))

    def test_gradients_of_samples(self):
        def compute(t, f):
            loss = lambda w, x, y: t.nn.functional.cross_entropy((w @ x)[None], y[None])  # noqa: E731
            return f.vmap(f.grad(loss), in_dims=(None, 0, 0))(t.tensor(W), t.tensor(X), t.tensor(LABELS))

        same(compute)

    def test_gradient_of_a_batch(self):
        same(lambda t, f: f.grad(lambda w: f.vmap(lambda x: (w @ x).relu().sum())(t.tensor(X)).prod())(t.tensor(W)))

    def test_hessians_of_samples(self):
        same(lambda t, f: f.vmap(f.hessian(square_of_tanh(t)))(t.tensor(X)))

    def test_batched_cotangents(self):
        def compute(t, f):
            x = t.tensor(X, requires_grad=True)
            y = t.sin(x).sum(0)
            return f.vmap(lambda v: t.autograd.grad(y, x, v, retain_graph=True)[0])(t.eye(3, dtype=t.float64))

        same(compute)

    def test_sorting_scans_and_solvers(self):
        square = RNG.randn(2, 3, 3)
        same(
            lambda t, f: f.vmap(
                lambda a: (t.linalg.inv(a), a.cumsum(0), a.topk(2).values, a.argmax(), a[t.tensor([0, 2])])
            )(t.tensor(square))
        )

    @pytest.mark.parametrize("wrong", [
        lambda t: t.vmap(lambda x: x)(),
        lambda t: t.vmap(lambda x: x, in_dims="0")(t.ones(2)),
        lambda t: t.vmap(lambda x: x, in_dims=(0, 0))(t.ones(2)),
        lambda t: t.vmap(lambda x: x, in_dims=3)(t.ones(2)),
        lambda t: t.vmap(lambda x, y: x)(t.ones(2), t.ones(3)),
        lambda t: t.vmap(lambda x: 1)(t.ones(2)),
        lambda t: t.vmap(lambda x: x, in_dims=None)(t.ones(2)),
    ])  # fmt: skip
    def test_refused_arguments(self, wrong):
        for t in (torch, flambeau):
            with pytest.raises(ValueError):
                wrong(t)

    @pytest.mark.parametrize("wrong", [
        lambda t: t.vmap(lambda x: x if x > 0 else -x)(t.ones(2)),
        lambda t: t.vmap(lambda x: x * x.item())(t.ones(2)),
        lambda t: t.vmap(lambda x: t.zeros(3).add_(x))(t.ones(2, 3)),
        lambda t: t.vmap(lambda x: x + t.rand(3))(t.ones(2, 3)),
        lambda t: t.vmap(lambda x: x.nonzero())(t.tensor([[1, 0], [1, 1]])),
    ])  # fmt: skip
    def test_refused_programs(self, wrong):
        for t in (torch, flambeau):
            with pytest.raises(RuntimeError):
                wrong(t)

    @pytest.mark.parametrize("randomness", ["different", "same"])
    def test_randomness(self, randomness):
        def compute(t, f):
            t.manual_seed(0)
            return f.vmap(lambda x: (x + t.rand(3), t.nn.functional.dropout(x, 0.5)), randomness=randomness)(
                t.tensor(X)
            )

        if randomness == "different":
            same(compute)
        else:
            drawn = compute(flambeau, flambeau.func)[0] - flambeau.tensor(X)
            np.testing.assert_allclose(drawn.numpy(), np.broadcast_to(drawn.numpy()[0], (4, 3)))


class TestModules:
    def test_functional_call_gives_the_module_back(self):
        model = flambeau.nn.Linear(3, 2)
        before = model.weight
        out = flambeau.func.functional_call(model, {"weight": flambeau.zeros(2, 3)}, (flambeau.ones(1, 3),))
        assert flambeau.equal(out, model.bias[None]) and model.weight is before

    def test_strict_names(self):
        model = flambeau.nn.Linear(3, 2)
        with pytest.raises(RuntimeError):
            flambeau.func.functional_call(model, {"weight": model.weight}, (flambeau.ones(1, 3),), strict=True)
        with pytest.raises(RuntimeError):
            flambeau.func.functional_call(model, {"other": model.weight}, (flambeau.ones(1, 3),), strict=True)

    def test_ensemble(self):
        def compute(t, f):
            t.manual_seed(0)
            models = [
                t.nn.Sequential(t.nn.Conv2d(1, 2, 3), t.nn.ReLU(), t.nn.Flatten(), t.nn.Linear(8, 2)).double()
                for _ in range(3)
            ]
            state = f.stack_module_state(models)
            return f.vmap(lambda p, b, x: f.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None))(
                *state, t.ones(2, 1, 4, 4).double()
            )

        same(compute)

    def test_functionalize_is_refused_by_name(self):
        with pytest.raises(NotImplementedError, match="functionalize"):
            flambeau.func.functionalize(lambda x: x)


class TestUserFunctions:
    @staticmethod
    def cube(t, **attributes):
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        def setup(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])

        members = {
            "forward": staticmethod(lambda x: x**3),
            "setup_context": staticmethod(setup),
            "backward": staticmethod(lambda ctx, g: 3 * ctx.saved_tensors[0] ** 2 * g),
        }
        return type("Cube", (t.autograd.Function,), {**members, **attributes})

    def test_a_generated_rule(self):
        same(lambda t, f: f.vmap(f.grad(lambda x: self.cube(t, generate_vmap_rule=True).apply(x).sum()))(t.tensor(X)))

    def test_a_rule_of_its_own(self):
        rule = staticmethod(lambda info, in_dims, x: (x.movedim(in_dims[0], 0) ** 3 + info.batch_size, 0))
        same(lambda t, f: f.vmap(lambda x: self.cube(t, vmap=rule).apply(x), in_dims=1)(t.tensor(X)))

    def test_no_rule(self):
        for t in (torch, flambeau):
            with pytest.raises(RuntimeError):
                t.vmap(self.cube(t).apply)(t.tensor(X))
            with pytest.raises(RuntimeError):
                t.func.jvp(self.cube(t).apply, (t.tensor(X),), (t.tensor(X),))
