"""Hooks, retained gradients, anomaly mode, saved-tensor hooks, grad modes."""

from __future__ import annotations

import pytest

import flambeau as ft
from flambeau.autograd import graph


def test_hooks_run_in_the_order_in_which_gradients_flow():
    log = []
    x = ft.tensor([3.0], requires_grad=True)
    x.register_hook(lambda g: (log.append(("leaf", g.item())), g * 2)[1])
    x.register_post_accumulate_grad_hook(lambda t: log.append(("after", t.grad.item())))
    y = x * x
    handle = y.register_hook(lambda g: log.append(("result", g.item())))
    y.retain_grad()
    (y * 5).backward()
    assert log == [("result", 5.0), ("leaf", 30.0), ("after", 60.0)]
    assert (y.grad.item(), x.grad.item()) == (5.0, 60.0)
    handle.remove()
    (x * x * 5).backward()
    assert log[-1] == ("after", 120.0)


def test_nodes_have_hooks():
    x = ft.tensor([2.0], requires_grad=True)
    y = x * 3
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs[0].item(), outputs[0].item())))
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
    y.backward()
    assert seen == [(30.0, 10.0)]
    sink = y.grad_fn.next_functions[0][0]
    assert sink.name() == "torch::autograd::AccumulateGrad" and sink.variable is x


def test_a_hook_may_not_change_the_shape():
    x = ft.tensor([2.0], requires_grad=True)
    x.register_hook(lambda g: ft.ones(3))
    with pytest.raises(RuntimeError, match="changed the size"):
        (x * 2).backward()


def test_one_hook_for_several_tensors():
    log = []
    p, q = ft.ones(2, requires_grad=True), ft.ones(2, requires_grad=True)
    r = p * q
    graph.register_multi_grad_hook([p, q, r], lambda gs: log.append([None if g is None else g.tolist() for g in gs]))
    (r * p).sum().backward()
    (q * 3).sum().backward()
    assert log == [[[2.0, 2.0], [1.0, 1.0], [1.0, 1.0]], [None, [3.0, 3.0], None]]


def test_retain_grad_follows_an_in_place_write():
    x = ft.ones(2, requires_grad=True)
    y = x * 1
    y.retain_grad()
    y.mul_(2)
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]


def test_saved_tensors_go_through_their_hooks():
    log = []
    x = ft.tensor([2.0], requires_grad=True)

    def pack(tensor):
        log.append("pack")
        return tensor.detach().numpy()

    def unpack(array):
        log.append("unpack")
        return ft.from_numpy(array)

    with graph.saved_tensors_hooks(pack, unpack):
        y = x.exp()
    assert log == ["pack"]
    y.backward()
    assert log == ["pack", "unpack"]
    assert x.grad.item() == pytest.approx(7.389056)


def test_what_the_unpack_hook_gives_takes_its_place_in_the_graph():
    x = ft.tensor([0.5, 2.0], requires_grad=True)

    def second(function):
        (first,) = ft.autograd.grad(function(x).sum(), x, create_graph=True)
        return ft.autograd.grad(first.sum(), x)[0].tolist()

    def hooked(x):
        with graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            return (x * x).exp() * x

    assert second(hooked) == pytest.approx(second(lambda x: (x * x).exp() * x))


def test_a_saved_tensor_must_stay_as_it_was():
    x = ft.tensor([2.0], requires_grad=True)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation.*MulBackward0"):
        z.backward()


def test_anomaly_mode_names_the_line():
    with pytest.warns(UserWarning, match="Anomaly Detection"), ft.autograd.detect_anomaly():
        x = ft.zeros(1, requires_grad=True)
        y = x / x  # the line
        with pytest.warns(UserWarning, match="test_hooks.py"), pytest.raises(RuntimeError, match="DivBackward0.*nan"):
            y.backward()
    assert not ft.is_anomaly_enabled()


def test_grad_modes():
    x = ft.ones(2, requires_grad=True)
    with ft.no_grad():
        assert not (x * 2).requires_grad
        with ft.enable_grad():
            assert (x * 2).requires_grad

    @ft.no_grad()
    def double(t):
        return t * 2

    @ft.no_grad()
    def several():
        yield ft.is_grad_enabled()
        yield ft.is_grad_enabled()

    assert not double(x).requires_grad
    assert list(several()) == [False, False] and ft.is_grad_enabled()
    with ft.set_grad_enabled(False):
        assert not ft.is_grad_enabled()
    with ft.inference_mode():
        assert ft.is_inference_mode_enabled() and not (x * 2).requires_grad
    with pytest.raises(ValueError), ft.no_grad():
        raise ValueError
    assert ft.is_grad_enabled()


@pytest.mark.parametrize(
    ("hooked", "error", "text"),
    [
        (lambda x, y: y.register_hook(lambda g: g.double()), RuntimeError, "changed the type of value"),
        (lambda x, y: y.grad_fn.register_hook(lambda gi, go: gi[0]), TypeError, "expected tuple"),
        (lambda x, y: y.grad_fn.register_hook(lambda gi, go: (*gi, *gi)), RuntimeError, "incorrect number of values"),
        (lambda x, y: x.register_post_accumulate_grad_hook(lambda t: t.clone()), RuntimeError, "should return None"),
    ],
)
def test_what_hooks_give_is_checked(hooked, error, text):
    x = ft.ones(2, requires_grad=True)
    y = x.exp()
    hooked(x, y)
    with pytest.raises(error, match=text):
        y.sum().backward()


def test_a_hook_on_a_complete_gradient_may_give_the_tensor_that_it_updated():
    torch = pytest.importorskip("torch")
    for m in (ft, torch):
        x = m.ones(2, requires_grad=True)
        x.register_post_accumulate_grad_hook(m.no_grad()(lambda t: t.add_(t.grad)))
        (x * 3).sum().backward()
        assert x.tolist() == [4.0, 4.0]


def test_nodes_show_what_they_saved():
    torch = pytest.importorskip("torch")
    for m in (ft, torch):
        x = m.tensor([1.0, 2.0], requires_grad=True)
        y, z, total = x.exp(), x**3, x.view(2, 1).sum(1)
        assert y.grad_fn._saved_result.tolist() == y.tolist() and y.grad_fn._saved_result.grad_fn is y.grad_fn
        assert z.grad_fn._saved_self is x and z.grad_fn._saved_exponent == 3
        assert total.grad_fn._saved_dim == (1,) and tuple(total.grad_fn._saved_self_sym_sizes) == (2, 1)
        assert y.grad_fn(m.ones(2)).tolist() == y.tolist()
        assert x.sin().grad_fn._sequence_nr() > total.grad_fn._sequence_nr()
        assert type(y.grad_fn.next_functions[0][0]).__name__ == "AccumulateGrad" and type(x[0].grad_fn).__name__ == "SelectBackward0"
        y.sum().backward()
        with pytest.raises(RuntimeError, match="second time"):
            _ = y.grad_fn._saved_result
        with pytest.raises(AttributeError, match="_saved_nothing"):
            _ = y.grad_fn._saved_nothing


def test_edges_take_the_place_of_tensors():
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    total = (x * x).sum()
    ft.autograd.backward(graph.get_gradient_edge(total), inputs=[graph.get_gradient_edge(x)])
    assert x.grad.tolist() == [2.0, 4.0]


def test_saved_tensors_may_be_written_where_that_is_allowed():
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    with graph.allow_mutation_on_saved_tensors() as saved:
        y = x.clone()
        total = (y * y).sum() + y.sin_().sum()
        (first,) = ft.autograd.grad(total, x, retain_graph=True)
        saved.clear()
        with pytest.raises(RuntimeError, match="outside of the 'allow_mutation_on_saved_tensors'"):
            total.backward()
    assert first.tolist() == pytest.approx((2 * x + x.cos()).tolist())
