"""torch.func: derivatives of functions nest, and keep what leads to tensors outside."""

from __future__ import annotations

import pytest

import flambeau
import flambeau.func

torch = pytest.importorskip("torch")


def values(result):
    if isinstance(result, dict):
        return {k: values(v) for k, v in result.items()}
    if isinstance(result, tuple):
        return [values(r) for r in result]
    return (result.tolist(), result.requires_grad) if hasattr(result, "tolist") else result


def cube(x):
    return (x * x * x).sum()


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: f.grad(cube)(x),
        lambda f, x: f.grad(lambda y: f.grad(cube)(y).sum())(x),
        lambda f, x: f.grad_and_value(cube)(x),
        lambda f, x: f.jacrev(lambda y: y * y)(x),
        lambda f, x: f.hessian(cube)(x),
        lambda f, x: f.vjp(lambda y: y * y, x)[0],
        lambda f, x: f.vjp(lambda y: y * y, x)[1](x),
        lambda f, x: f.jvp(lambda y: y * y, (x,), (x,)),
        lambda f, x: f.grad(lambda d: (d["a"] * d["b"]).sum())({"a": x, "b": x * 2}),
        lambda f, x: f.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, x * 3),
        lambda f, x: f.grad(lambda a: (a.sum(), a * 2), has_aux=True)(x),
        lambda f, x: f.vmap(lambda y: y.max(0))(x.outer(x)),
        lambda f, x: f.vmap(lambda y: y.sort(descending=True))(x.outer(x)).values,
        lambda f, x: f.jvp(lambda y: y.max(0), (x,), (x,))[1].values,
        lambda f, x: f.vmap(f.grad(lambda y: y.t().reshape(-1)[0] ** 2))(x.view(1, 2, 1).expand(2, 2, 2)),
    ],
)
def test_same_as_pytorch(call):
    found = values(call(flambeau.func, flambeau.tensor([1.0, 2.0])))
    assert found == values(call(torch.func, torch.tensor([1.0, 2.0])))


def test_graphs_outside_are_kept():
    w = flambeau.ones(2, requires_grad=True)
    gradient = flambeau.func.grad(lambda x: ((x * w) * (x * w)).sum())(flambeau.tensor([1.0, 2.0]))
    gradient.sum().backward()
    assert w.grad.tolist() == [4.0, 8.0]


def test_only_scalars_have_a_gradient():
    with pytest.raises(RuntimeError, match="scalar"):
        flambeau.func.grad(lambda x: x)(flambeau.ones(2))


def test_calls_with_other_parameters():
    module = flambeau.nn.Linear(2, 1)
    given = {"weight": flambeau.ones(1, 2), "bias": flambeau.zeros(1)}
    kept = module.weight
    assert flambeau.func.functional_call(module, given, flambeau.tensor([1.0, 2.0])).tolist() == [3.0]
    assert module.weight is kept
    found = flambeau.func.grad(lambda p: flambeau.func.functional_call(module, p, flambeau.ones(2)).sum())(given)
    assert found["weight"].tolist() == [[1.0, 1.0]] and found["bias"].tolist() == [1.0]


@pytest.mark.parametrize("name", ["foo", "0.foo", "9.weight", "", "0.training"])
def test_names_that_are_no_parameters(name):
    def run(lib):
        net = lib.nn.Sequential(lib.nn.Linear(2, 2, bias=False))
        with lib.no_grad():
            net[0].weight.fill_(0.5)
        try:
            seen = lib.func.functional_call(net, {name: lib.ones(1)}, lib.ones(1, 2)).tolist()
        except Exception as error:
            seen = type(error).__name__
        return seen, hasattr(net, "foo"), hasattr(net[0], "foo")

    assert run(flambeau) == run(torch)


def test_a_parametrized_tensor_is_assigned():
    def run(lib):
        class Double(lib.nn.Module):
            def forward(self, x):
                return x * 2

            def right_inverse(self, x):
                return x / 2

        net = lib.nn.Linear(2, 2, bias=False)
        with lib.no_grad():
            net.weight.fill_(0.5)
        lib.nn.utils.parametrize.register_parametrization(net, "weight", Double())
        seen = lib.func.functional_call(net, {"weight": lib.full((2, 2), 3.0)}, lib.ones(1, 2)).tolist()
        return seen, net.weight.tolist()

    assert run(flambeau) == run(torch)


def test_gradients_of_dual_tensors_are_dual():
    found = []
    for m in (flambeau, torch):
        fw = m.autograd.forward_ad
        x = m.tensor([0.5, -1.0, 2.0], dtype=m.float64, requires_grad=True)
        with fw.dual_level():
            d = fw.make_dual(x, m.ones(3, dtype=m.float64))
            (by_dual,) = m.autograd.grad((d.sin() * d.sum()).sum(), d, create_graph=True)
            (by_leaf,) = m.autograd.grad((d**3).sum(), x)
            found.append([t.tolist() for g in (by_dual, by_leaf) for t in fw.unpack_dual(g)])
    assert sum(found[0], []) == pytest.approx(sum(found[1], []))


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
@pytest.mark.parametrize("made_inside", [False, True])
def test_derivatives_in_modes_without_gradients(mode, made_inside):
    found = []
    for m, f in ((flambeau, flambeau.func), (torch, torch.func)):
        x, w = m.tensor([1.0, 2.0, 3.0]), m.ones(3, requires_grad=True)
        with getattr(m, mode)():
            y = m.tensor([1.0, 2.0, 3.0]) if made_inside else x
            results = (
                f.grad(lambda a, y=y: (a**3 * y).sum())(y),
                f.vjp(lambda a, w=w: a**2 * w, y)[1](y)[0],
                f.jvp(lambda a, y=y: a.sin() * y, (y,), (y,))[1],
                f.jacrev(lambda a: a**2)(y),
                f.hessian(lambda a, w=w: (a**3 * w).sum())(y),
                f.vmap(f.grad(lambda a: a**2))(y),
            )
        assert not any(r.requires_grad for r in results)
        found.append(sum([r.flatten().tolist() for r in results], []))
    assert found[0] == pytest.approx(found[1])
