"""Attention, distances and similarities against PyTorch, with gradients."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
import flambeau.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


def check(theirs, ours, *shapes, tolerance: float = 1e-11):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in shapes]
    made = [(torch.tensor(a, requires_grad=True), flambeau.tensor(a, requires_grad=True)) for a in arrays]
    expected, result = theirs(*[t for t, _ in made]), ours(*[f for _, f in made])
    assert tuple(result.shape) == tuple(expected.shape)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), atol=tolerance)
    expected.sin().sum().backward()
    result.sin().sum().backward()
    for t, f in made:
        np.testing.assert_allclose(f.grad.numpy(), t.grad.numpy(), atol=tolerance)


SHAPES = (2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}])
def test_attention(options):
    check(
        lambda *a: TF.scaled_dot_product_attention(*a, **options),
        lambda *a: F.scaled_dot_product_attention(*a, **options),
        *SHAPES,
    )


@pytest.mark.parametrize("kind", [bool, float])
def test_masks_hide_keys_or_are_added(kind):
    mask = np.random.default_rng(1).random((5, 7)) > 0.3
    theirs, ours = torch.tensor(mask.astype(kind)), flambeau.tensor(mask.astype(kind))
    check(
        lambda *a: TF.scaled_dot_product_attention(*a, attn_mask=theirs),
        lambda *a: F.scaled_dot_product_attention(*a, attn_mask=ours),
        *SHAPES,
    )


def test_several_query_heads_share_a_key_head():
    check(
        lambda *a: TF.scaled_dot_product_attention(*a, enable_gqa=True),
        lambda *a: F.scaled_dot_product_attention(*a, enable_gqa=True),
        (2, 6, 5, 4),
        (2, 3, 7, 4),
        (2, 3, 7, 4),
    )


def test_attention_refuses_a_mask_beside_causality():
    for module, functional in ((torch, TF), (flambeau, F)):
        x = module.ones(1, 2, 2)
        with pytest.raises(RuntimeError):
            functional.scaled_dot_product_attention(
                x, x, x, attn_mask=module.ones(2, 2, dtype=module.bool), is_causal=True
            )


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances_between_all_rows(p):
    check(lambda a, b: torch.cdist(a, b, p), lambda a, b: flambeau.cdist(a, b, p), (2, 4, 3), (5, 3))
    check(lambda a: TF.pdist(a, p), lambda a: F.pdist(a, p), (5, 3))


def test_many_rows_go_through_a_product_of_matrices():
    check(torch.cdist, flambeau.cdist, (30, 4), (27, 4), tolerance=1e-9)


def test_distances_of_equal_and_of_no_rows():
    x = flambeau.ones(3, 2, requires_grad=True)
    distances = flambeau.cdist(x, x.detach())
    distances.sum().backward()
    assert distances.tolist() == [[0] * 3] * 3
    assert x.grad.tolist() == [[0, 0]] * 3
    assert tuple(flambeau.cdist(flambeau.ones(0, 2), flambeau.ones(3, 2)).shape) == (0, 3)
    assert flambeau.cdist(flambeau.ones(2, 0), flambeau.ones(3, 0)).tolist() == [[0] * 3] * 2
    assert tuple(F.pdist(flambeau.ones(1, 3)).shape) == (0,)


@pytest.mark.parametrize("options", [{}, {"p": 1.0}, {"p": 3.0, "keepdim": True}])
def test_pairwise_distance(options):
    check(
        lambda a, b: TF.pairwise_distance(a, b, **options),
        lambda a, b: F.pairwise_distance(a, b, **options),
        (4, 3),
        (4, 3),
    )


@pytest.mark.parametrize("shapes, dim", [(((4, 3), (4, 3)), 1), (((4, 3), (3,)), -1), (((2, 4, 3), (4, 1)), 1)])
def test_cosine_similarity(shapes, dim):
    check(lambda a, b: TF.cosine_similarity(a, b, dim=dim), lambda a, b: F.cosine_similarity(a, b, dim=dim), *shapes)


def test_cosine_with_a_zero_vector_is_zero():
    assert F.cosine_similarity(flambeau.zeros(1, 3), flambeau.ones(1, 3)).item() == 0.0


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda m: m.cdist(m.ones(3), m.ones(2, 3)), RuntimeError),
        (lambda m: m.cdist(m.ones(2, 3), m.ones(2, 4)), RuntimeError),
        (lambda m: m.cdist(m.ones(2, 3), m.ones(2, 3), p=-1), RuntimeError),
        (lambda m: m.pdist(m.ones(2, 3, 4)), RuntimeError),
        (lambda m: m.cosine_similarity(m.ones(2, 3), m.ones(2, 4)), RuntimeError),
        (lambda m: m.cosine_similarity(m.ones(2, 3), m.ones(2, 3), dim=3), IndexError),
    ],
)
def test_what_pytorch_refuses(call, error):
    for module in (torch, flambeau):
        with pytest.raises(error):
            call(module)


@pytest.mark.parametrize("rows", [2, 3, 64, 301])
def test_pdist_takes_the_pairs_of_the_upper_triangle(rows):
    points = np.random.default_rng(1).standard_normal((rows, 3))
    found = []
    for lib in (flambeau, torch):
        x = lib.tensor(points, requires_grad=True)
        distances = lib.nn.functional.pdist(x)
        distances.square().sum().backward()
        found.append((distances.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_nan_differs_by_nan_in_counts_of_differences():
    for m in (flambeau, torch):
        x, y = m.tensor([[1.0, float("nan"), float("inf")]]), m.tensor([[2.0, 3.0, 3.0], [1.0, 3.0, 2.0]])
        assert m.cdist(x, y, p=0).isnan().all() and m.cdist(x[:, ::2], y[:, ::2], p=0).tolist() == [[2.0, 1.0]]
