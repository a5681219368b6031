"""In-place writes in the graph, also through views: values and gradients are PyTorch's."""

from __future__ import annotations

import pytest

import flambeau

torch = pytest.importorskip("torch")


def slice_is_scaled(m, v):
    v[0].mul_(3)


def slice_is_assigned_from_another(m, v):
    v[1, :2] = v[0, :2] * 2


def slice_is_zeroed(m, v):
    v[0].zero_()


def transposed_column(m, v):
    v.t()[1] += 5


def view_of_a_view(m, v):
    v[0][1:].add_(v[1][:2])


def an_old_view_sees_the_write(m, v):
    row = v[0]
    v.mul_(2)
    row.add_(row)


def whole(m, v):
    v.add_(1).mul_(v.detach().clone())


def copied_in(m, v):
    v[0].copy_(v[1] * 3)


def filled(m, v):
    v[1].fill_(2.5)


def through_reshape(m, v):
    v.view(-1)[::2].mul_(-1)


def column_is_rewritten_from_its_old_values(m, v):
    v[:, 1].sin_()


def column_is_rewritten_from_its_new_values(m, v):
    v[:, 1].sigmoid_()


def column_of_float32_takes_float64(m, v):
    v[:, 1].pow_(m.tensor([2.0, 3.0], dtype=m.float64))


def rewritten_by_a_function_of_its_old_values(m, v):
    v.renorm_(2, 0, 1.0).abs_().polygamma_(1)


CASES = [
    slice_is_scaled,
    slice_is_assigned_from_another,
    slice_is_zeroed,
    transposed_column,
    view_of_a_view,
    an_old_view_sees_the_write,
    whole,
    copied_in,
    filled,
    through_reshape,
    column_is_rewritten_from_its_old_values,
    column_is_rewritten_from_its_new_values,
    column_of_float32_takes_float64,
    rewritten_by_a_function_of_its_old_values,
]


@pytest.mark.parametrize("write", CASES, ids=lambda case: case.__name__)
def test_same_as_pytorch(write):
    found = []
    for m in (flambeau, torch):
        leaf = m.arange(1.0, 7.0).reshape(2, 3).requires_grad_()
        v = leaf * 1
        write(m, v)
        (v * v).sum().backward()
        found.append((v.tolist(), leaf.grad.tolist(), v.grad_fn.name().rpartition("::")[2]))
    for ours, theirs in zip(found[0][:2], found[1][:2]):
        assert sum(ours, []) == pytest.approx(sum(theirs, []), rel=1e-6)


def transposed_base(m, x):
    base = x.t() * 1
    base[0].mul_(3)
    base[:, 1].exp_()
    return base


def real_part_of_complex_base(m, x):
    base = m.view_as_complex(x) * 1
    base.real.mul_(x[:, 1])
    base.imag = base.real * 2
    return m.view_as_real(base)


def complex_view_of_real_base(m, x):
    base = x * 1
    shown = m.view_as_complex(base)
    shown[1] = 3j * shown[0]
    return base + shown.abs()[:, None]


def pieces_of_an_even_cut(m, x):
    base = x * 1
    for piece in (*base.tensor_split(2), *base.hsplit(2)):
        piece.mul_(2)
    return base


@pytest.mark.parametrize(
    "write",
    [transposed_base, real_part_of_complex_base, complex_view_of_real_base, pieces_of_an_even_cut],
    ids=lambda case: case.__name__,
)
def test_second_derivatives_through_writes(write):
    found = []
    for m in (flambeau, torch):
        x = m.tensor([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], dtype=m.float64, requires_grad=True)
        (first,) = m.autograd.grad(write(m, x).sin().pow(2).sum(), x, create_graph=True)
        (second,) = m.autograd.grad(first.pow(3).sum(), x)
        found.append(first.detach().flatten().tolist() + second.flatten().tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize(
    "write",
    [
        lambda m, x: x.add_(1),
        lambda m, x: x[0].mul_(2),
        lambda m, x: x.zero_(),
        lambda m, x: x.normal_(),
        lambda m, x: x.copy_(m.ones(3)),
    ],
)
def test_leaves_are_protected(write):
    for m in (flambeau, torch):
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            write(m, m.ones(3, requires_grad=True))


def test_writes_that_autograd_does_not_see():
    x = flambeau.ones(3, requires_grad=True)
    x.data.mul_(2)
    with flambeau.no_grad():
        x.mul_(2)
        x[1] = 0
    assert x.tolist() == [4.0, 0.0, 4.0] and x.is_leaf and x.requires_grad


@pytest.mark.parametrize("m", [flambeau, torch], ids=["flambeau", "torch"])
def test_a_known_write_without_grad_is_not_taken_for_one_with_grad(m):
    """The same signature in and out of grad mode, first in one, then in the other."""
    w, view = m.ones(3, requires_grad=True), m.ones(2, 3, requires_grad=True)
    for turn in range(4):
        with m.no_grad():
            w -= 0.5
            view[0].mul_(2)
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            w -= 0.5
        loss = (w * w).sum()
        loss.backward(retain_graph=True)
        with m.no_grad():
            w -= 0.25 * w.grad
            w.grad.zero_()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
        assert w._version == 2 * turn + 2
    x = w.detach().clone()
    x -= 0.5
    with m.no_grad():
        x -= 0.5
    x -= 0.5
    assert x.tolist() == (w - 1.5).tolist()


def test_detach():
    x = flambeau.ones(2, requires_grad=True)
    y = x * 2
    shared = y.detach()
    shared.mul_(3)
    assert y.tolist() == [6.0, 6.0] and not shared.requires_grad
    y.detach_()
    assert not y.requires_grad and y.is_leaf
    with pytest.raises(RuntimeError, match="Can't detach views"):
        (x * 2)[0].detach_()


@pytest.mark.parametrize("write", [
    lambda base, leaf: leaf.add_(1),
    lambda base, leaf: leaf.copy_(base[1]),
    lambda base, leaf: leaf.__setitem__(0, 5.0),
    lambda base, leaf: leaf.__setitem__(slice(0, 2), base[1, :2]),
    lambda base, leaf: leaf[:2].mul_(2),
], ids=["add", "copy", "element", "slice", "view"])  # fmt: skip
def test_views_that_are_leaves_are_protected(write):
    for m in (flambeau, torch):
        base = m.ones(3, 3)
        leaf = base[0].requires_grad_()
        with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"):
            write(base, leaf)
        with m.no_grad():
            leaf.add_(1)
        base.add_(1)
        (leaf * leaf).sum().backward()
        assert leaf.grad.tolist() == [6.0, 6.0, 6.0] and not base.requires_grad


def test_the_size_of_complex_numbers_does_not_take_their_place():
    for m in (flambeau, torch):
        with pytest.raises(RuntimeError, match="In-place abs is not supported for complex tensors"):
            m.tensor([3 + 4j]).abs_()


def test_views_of_tensors_that_show_elements_several_times():
    found = []
    for m in (flambeau, torch):
        x = m.arange(12.0, dtype=m.float64).reshape(3, 4).requires_grad_()
        shown = x.expand(2, 3, 4).as_strided((2, 2), (2, 1), 1), (x * 1).unfold(1, 2, 1).as_strided((3,), (3,), 0)
        found.append([m.autograd.grad(t.pow(2).sum(), x)[0].flatten().tolist() for t in shown])
    assert found[0] == found[1]
