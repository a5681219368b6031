"""flip, roll, rot90, repeat, grids; triangles and diagonals; padding; as_strided and copies of views."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.movement_oracle import moves, ramp

import flambeau


def test_flips():
    moves(lambda t, x: (x.flip(0), x.flip(0, 1), t.flip(x, (-1,)), x.fliplr(), x.flipud(), x.flip(())), ramp(2, 3))
    moves(lambda t, x: x.flip(0, 0), ramp(2, 3))
    moves(lambda t, x: x.fliplr(), ramp(2))
    for k in range(-1, 5):
        moves(lambda t, x, k=k: (x.rot90(k), x.rot90(k, (1, 2))), ramp(2, 3, 4))
    moves(lambda t, x: x.rot90(1, (1, 1)), ramp(2, 3))


def test_flips_keep_the_order_in_memory():
    torch = pytest.importorskip("torch")
    for m in (flambeau, torch):
        assert m.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1).flip(0, 1).stride() == (1, 12, 4)
        with pytest.raises(IndexError, match="Dimension out of range"):
            m.flip(m.tensor(1.0), (1,))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool", "complex64"])
def test_flips_inside_of_fused_loops(dtype):
    torch = pytest.importorskip("torch")
    array = np.random.default_rng(0).integers(-9, 9, (3, 5, 70))
    for dims in ([0], [-1], [1, 2], [0, 1, 2]):
        for step in (1, 2):
            results = []
            for lib in (flambeau, torch):
                x = lib.tensor(array).to(getattr(lib, dtype))[..., ::step]
                for _ in range(2):  # what comes again is compiled
                    found = [x.flip(dims), (x.flip(dims) * x).flip(dims), x.flip(dims).sum(-1), x.mT.flip(dims)]
                    found = [y.to(lib.complex64).tolist() for y in found]
                results.append(found)
            assert results[0] == results[1]


def test_roll():
    moves(
        lambda t, x: (
            x.roll(1),
            x.roll(-1, 0),
            x.roll((1, 2), (0, 1)),
            x.roll((1, 1), (1, 1)),
            x.roll(7, 1),
            x.roll(0, 0),
        ),
        ramp(3, 4),
    )
    moves(lambda t, x: x.roll((1, 2), 0), ramp(3, 4))
    moves(lambda t, x: (x.roll(1, 1), x.roll(2)), ramp(2, 0))


def test_repeats():
    moves(
        lambda t, x: (x.repeat(2, 3), x.repeat(2, 1, 1), t.tile(x, (2,)), x.tile(2, 2, 2), x.repeat(0, 1)), ramp(2, 3)
    )
    moves(lambda t, x: x.repeat(2), ramp(2, 3))
    moves(
        lambda t, x: (x.repeat_interleave(2), x.repeat_interleave(3, 1), x.repeat_interleave(t.tensor([1, 3]), dim=0)),
        ramp(2, 3),
    )
    moves(lambda t, x: x.repeat_interleave(-1), ramp(2, 3))
    assert flambeau.repeat_interleave(flambeau.tensor([2, 0, 1])).tolist() == [0, 0, 2]


@pytest.mark.parametrize("indexing", ["ij", "xy", "ab"])
def test_meshgrid(indexing):
    moves(lambda t, x, y: t.meshgrid(x, y, indexing=indexing), ramp(2), ramp(3))
    moves(lambda t, x, y: t.meshgrid([x, y, x], indexing=indexing), ramp(2), ramp(3))


def test_products_and_combinations():
    moves(lambda t, x, y: (t.cartesian_prod(x, y), t.cartesian_prod(x)), ramp(2), ramp(3))
    moves(lambda t, x: (t.combinations(x), t.combinations(x, 3), t.combinations(x, 2, True)), ramp(4))


@pytest.mark.parametrize("k", [-3, -1, 0, 1, 4])
def test_triangles(k):
    moves(lambda t, x: (x.tril(k), x.triu(k)), ramp(2, 3, 4) + 1)
    assert np.array_equal(flambeau.tril_indices(3, 4, k).numpy(), np.stack(np.tril_indices(3, k, 4)))
    assert np.array_equal(flambeau.triu_indices(3, 4, k).numpy(), np.stack(np.triu_indices(3, k, 4)))


def test_triangles_keep_nan_out():
    x = flambeau.full((2, 2), float("nan"))
    assert x.tril()[0, 1].item() == 0
    assert x.triu_()[1, 0].item() == 0
    moves(lambda t, x: x.tril(), ramp(3))


def test_diagonals():
    moves(
        lambda t, x: (x.diagonal(), x.diagonal(1), x.diagonal(-1, 1, 2), x[0].diag(), x[0].trace(), x[0].diag(-2)),
        ramp(2, 3, 4),
    )
    moves(lambda t, x: (x.diag_embed(), x.diag_embed(1, 0, 2), x[0].diag(1), x.diagflat(-1)), ramp(2, 3))
    moves(lambda t, x: x.diagonal(0, 1, 1), ramp(2, 3))
    moves(lambda t, x: x.diag(), ramp(2, 3, 4))


def test_one_view_replaced():
    moves(lambda t, x, s: (x.select_scatter(s, 0, -1), x.slice_scatter(s[None], 0, 1, 2)), ramp(3, 4), -ramp(4))
    moves(lambda t, x, s: (x.diagonal_scatter(s), x.slice_scatter(s[:, None], 1, step=4)), ramp(3, 4), -ramp(3))
    moves(lambda t, x, s: x.select_scatter(s, 0, 1), ramp(3, 4), -ramp(3))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("amounts", [(1, 2), (0, 3), (-1, 2), (2, -3), (-1, -1), (1, 1, 2, 0), (4, 0), (5, 0), (1,)])
def test_padding(mode, amounts):
    if mode == "circular" and amounts == (2, -3):
        pytest.skip("PyTorch shows memory that nobody wrote")
    moves(lambda t, x: t.nn.functional.pad(x, amounts, mode=mode), ramp(2, 3, 4, 4))
    moves(lambda t, x: t.nn.functional.pad(x, amounts, mode=mode), ramp(2, 3, 4))


def test_circular_padding_does_not_wrap_twice():
    with pytest.raises(RuntimeError, match="more than once"):
        flambeau.nn.functional.pad(flambeau.ones(1, 4), (2, -3), mode="circular")


def test_constant_padding_of_any_rank():
    moves(
        lambda t, x: (t.nn.functional.pad(x, (1, 1), value=2.5), t.nn.functional.pad(x, (0, 0, 1, 0, 0, 2))),
        ramp(2, 2, 2),
    )
    moves(lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1)), ramp(3))
    moves(lambda t, x: t.nn.functional.pad(x, (-2, -2)), ramp(3))
    moves(lambda t, x: t.nn.functional.pad(x, (1, 1), "mirror"), ramp(1, 3))


def test_as_strided_counts_from_the_start_of_the_storage():
    moves(lambda t, x: ((x * 1)[1:].as_strided((2, 2), (1, 2)), t.as_strided((x * 1)[1:], (2,), (3,), 1)), ramp(3, 4))
    moves(lambda t, x: (x * 1).as_strided((3, 2), (1, 1)), ramp(5))  # overlapping elements add their gradients
    moves(lambda t, x: (x * 1).as_strided((3, 3), (4, 4)), ramp(5))
    moves(lambda t, x: x.as_strided((2,), (-1,)), ramp(5))


def test_sliding_windows():
    moves(lambda t, x: (x.unfold(0, 2, 1), x.unfold(1, 3, 2), x.unfold(0, 3, 3)), ramp(3, 5))
    moves(lambda t, x: x.unfold(0, 4, 1), ramp(3))


def test_copies_of_views_have_memory_of_their_own():
    x = flambeau.arange(6).view(2, 3)
    for copy in (
        flambeau.permute_copy(x, (1, 0)),
        flambeau.view_copy(x, (6,)),
        flambeau.t_copy(x),
        flambeau.unsqueeze_copy(x, 0),
    ):
        assert copy.is_contiguous() and copy.data_ptr() != x.data_ptr()
    moves(lambda t, x: (t.expand_copy(x, (2, 3)), t.unbind_copy(x), t.narrow_copy(x, 0, 1, 2)), ramp(3))


def test_complex_numbers_as_pairs():
    moves(lambda t, x: (t.view_as_real(x), t.view_as_complex(t.view_as_real(x * 2))), ramp(2, 3) * (1 - 2j))
    moves(lambda t, x: t.view_as_complex(x), ramp(2, 3))
    moves(lambda t, x: t.view_as_real(x), ramp(2, 3))


def test_windows_of_an_expanded_tensor_have_gradients_of_their_own():
    torch = pytest.importorskip("torch")
    found = []
    for m in (flambeau, torch):
        x = m.arange(5.0).requires_grad_()
        x.expand(3, 5).unfold(1, 2, 1).mul(m.arange(24.0).reshape(3, 4, 2)).sum().backward()
        found.append(x.grad.tolist())
    assert found[0] == found[1]


def test_a_copy_of_a_view_needs_no_view():
    moves(lambda t, x: t.view_copy(x.t(), (6,)), ramp(2, 3))
