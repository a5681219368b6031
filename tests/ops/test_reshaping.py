"""view, reshape, flatten, expand, squeeze, movedim, and the in-place forms that change a tensor's own geometry."""

from __future__ import annotations

import pytest
from tests.ops.movement_oracle import moves, ramp

import flambeau


@pytest.mark.parametrize("shape", [(6,), (3, 2), (-1,), (2, -1, 1), (1, 6), (4,), (-1, -1), (-2, 3), (-1, 4)])
def test_view_and_reshape_take_sizes_with_one_unknown(shape):
    moves(lambda t, x: x.view(shape), ramp(2, 3))
    moves(lambda t, x: x.view(*shape), ramp(2, 3))
    moves(lambda t, x: x.reshape(*shape), ramp(2, 3))
    moves(lambda t, x: t.reshape(x.t(), shape), ramp(2, 3))


def test_view_shares_memory_and_reshape_copies_only_where_it_must():
    x = flambeau.arange(6).view(2, 3)
    assert x.reshape(3, 2).data_ptr() == x.data_ptr()
    assert x.t().reshape(6).data_ptr() != x.data_ptr()
    assert x.t().reshape(3, 1, 2).data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError, match="reshape"):
        x.t().view(6)


def test_empty_and_0_dim():
    moves(lambda t, x: (x.view(0, 5), x.reshape(4, 0), x.flatten()), ramp(0, 3))
    moves(lambda t, x: x.view(-1, 0), ramp(0, 3))
    moves(lambda t, x: (x.view(1, 1), x.reshape(()), x.flatten(), x.ravel(), x.expand(2, 3)), ramp())


def test_view_as_another_dtype():
    x = flambeau.tensor([1.0, 2.0, -3.0, 0.5])
    assert x.view(flambeau.int32).tolist() == [0x3F800000, 0x40000000, -0x3FC00000, 0x3F000000]
    assert x.view(flambeau.uint8).shape == (16,)
    assert x.view(flambeau.float64).shape == (2,)
    with pytest.raises(RuntimeError, match="divisible"):
        x[:3].view(flambeau.float64)
    with pytest.raises(RuntimeError, match="stride"):
        x.view(2, 2).t().view(flambeau.uint8)


def test_flatten_and_unflatten():
    moves(lambda t, x: (x.flatten(), x.flatten(1), x.flatten(0, 1), t.flatten(x, -2), x.flatten(1, 1)), ramp(2, 3, 4))
    moves(lambda t, x: x.flatten(2, 1), ramp(2, 3, 4))
    moves(lambda t, x: x.transpose(0, 2).flatten(), ramp(2, 3, 4))
    moves(lambda t, x: (x.unflatten(0, (2, 3)), t.unflatten(x, -1, (-1, 2))), ramp(6, 4))
    moves(lambda t, x: x.unflatten(0, (4, 2)), ramp(6))


def test_expand_and_broadcasting():
    moves(lambda t, x: (x.expand(3, 4), x.expand(-1, 4), x.expand(2, 3, 4), x.broadcast_to((3, 2))), ramp(3, 1))
    moves(lambda t, x: x.expand(2, 4), ramp(3, 1))
    moves(lambda t, x: x.expand(4), ramp(3, 1))
    moves(lambda t, x, y: t.broadcast_tensors(x, y), ramp(3, 1), ramp(4))
    moves(lambda t, x, y: t.broadcast_tensors(x, y), ramp(3), ramp(4))
    assert flambeau.broadcast_shapes((2, 1), (3,), 1) == (2, 3)
    assert flambeau.ones(3, 1).expand(3, 4).stride() == (1, 0)


def test_squeeze_and_unsqueeze():
    moves(lambda t, x: (x.squeeze(), x.squeeze(0), x.squeeze(1), x.squeeze((0, 2)), x.squeeze(-1)), ramp(1, 3, 1))
    moves(lambda t, x: (x.unsqueeze(0), x.unsqueeze(-1), t.unsqueeze(x, 1), x[:, None]), ramp(2, 3))
    moves(lambda t, x: x.unsqueeze(4), ramp(2, 3))
    moves(lambda t, x: x.squeeze(3), ramp(2, 3))


def test_order_of_dimensions():
    moves(lambda t, x: (x.movedim(0, 2), x.movedim((0, 1), (1, 0)), t.moveaxis(x, -1, 0)), ramp(2, 3, 4))
    moves(lambda t, x: x.movedim((0, 0), (1, 2)), ramp(2, 3, 4))
    moves(
        lambda t, x: (x.permute(2, 0, 1), x.permute((1, 0, 2)), t.permute(x, (-1, 0, 1)), x.transpose(0, -1)),
        ramp(2, 3, 4),
    )
    moves(lambda t, x: x.permute(0, 0, 1), ramp(2, 3, 4))
    moves(lambda t, x: (x.T, x.mT, x.H, x.mH, x.adjoint(), x.t()), ramp(2, 3) * (1 + 2j))
    moves(lambda t, x: x.mT, ramp(3))


def test_at_least_so_many_dimensions():
    moves(lambda t, x, y: (t.atleast_1d(x), t.atleast_2d(x, y), t.atleast_3d([x, y])), ramp(), ramp(3))


def test_in_place_forms_change_the_tensor_itself():
    x = flambeau.arange(6).view(1, 2, 3)
    assert x.squeeze_() is x and x.shape == (2, 3)
    x.t_()
    assert x.shape == (3, 2) and x.stride() == (1, 3)
    x.unsqueeze_(0).transpose_(0, 2)
    assert x.shape == (2, 3, 1)
    assert x.tolist() == [[[0], [1], [2]], [[3], [4], [5]]]


def test_in_place_forms_enter_the_graph():
    moves(lambda t, x: (x * 2).t_().unsqueeze_(0) * 3, ramp(2, 3))
    with pytest.raises(RuntimeError, match="leaf"):
        flambeau.ones(2, 3, requires_grad=True).t_()


def test_views_follow_writes_to_their_base():
    def program(t, x):
        y = x * 1
        part = y.view(6)[1:3]
        y.mul_(3)
        part.mul_(2)
        return y, part

    moves(program, ramp(2, 3))
