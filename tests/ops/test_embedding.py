"""embedding, embedding_bag, one_hot."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.movement_oracle import moves, ramp

import flambeau

WORDS = np.array([[1, 3, 3], [0, 1, 3]])
TABLE = np.sin(ramp(4, 2))


@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 3}, {"padding_idx": -3}, {"scale_grad_by_freq": True}, {"padding_idx": 9}], ids=str
)
def test_embedding(options):
    moves(lambda t, words, table: t.nn.functional.embedding(words, table, **options), WORDS, TABLE)
    moves(lambda t, words, table: t.nn.functional.embedding(words.to(t.int32)[0, 0], table, **options), WORDS, TABLE)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
def test_max_norm_scales_the_rows_that_are_used_in_place(norm_type):
    def program(t, words, table):
        rows = table.detach().clone()
        return t.nn.functional.embedding(words, rows, max_norm=0.5, norm_type=norm_type), rows

    moves(program, WORDS, TABLE)


def test_words_out_of_range():
    moves(lambda t, table: t.nn.functional.embedding(t.tensor([4]), table), TABLE)
    moves(lambda t, table: t.nn.functional.embedding(t.tensor([-1]), table), TABLE)
    moves(lambda t, table: t.nn.functional.embedding(t.tensor([1.0]), table), TABLE)


def test_sparse_gradients_hold_the_rows_that_were_used():
    weight = flambeau.ones(3, 2, requires_grad=True)
    flambeau.nn.functional.embedding(flambeau.tensor([2, 2]), weight, sparse=True).sum().backward()
    assert weight.grad.is_sparse
    assert weight.grad.to_dense().tolist() == [[0, 0], [0, 0], [2, 2]]


@pytest.mark.parametrize("mode", ["sum", "mean", "max", "median"])
def test_bags(mode):
    moves(lambda t, words, table: t.nn.functional.embedding_bag(words, table, mode=mode), WORDS, TABLE)
    for offsets in ([0, 2], [0, 2, 2, 6], [0, 9], [1, 2]):
        moves(
            lambda t, words, table, o=offsets: t.nn.functional.embedding_bag(
                words.flatten(), table, t.tensor(o), mode=mode
            ),
            WORDS,
            TABLE,
        )
    moves(lambda t, words, table: t.nn.functional.embedding_bag(words, table, mode=mode, padding_idx=3), WORDS, TABLE)


def test_bags_with_weights():
    moves(
        lambda t, words, table, w: t.nn.functional.embedding_bag(words, table, mode="sum", per_sample_weights=w),
        WORDS,
        TABLE,
        np.cos(ramp(2, 3)),
    )
    moves(
        lambda t, words, table, w: t.nn.functional.embedding_bag(words, table, per_sample_weights=w),
        WORDS,
        TABLE,
        np.cos(ramp(2, 3)),
    )


def test_one_hot():
    moves(lambda t, words: (t.nn.functional.one_hot(words), t.nn.functional.one_hot(words, 6)), WORDS)
    moves(lambda t, words: t.nn.functional.one_hot(words, 2), WORDS)
    moves(lambda t, words: t.nn.functional.one_hot(words - 1), WORDS)


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("padding", [None, 3])
def test_the_function_behind_bags(mode, last, padding):
    """``torch.embedding_bag`` also gives what its backward uses; of sums, PyTorch leaves the sizes of bags unset."""
    moves(
        lambda t, words, table: t.embedding_bag(
            table, words.flatten(), t.tensor([0, 2, 2]), False, mode, False, None, last, padding
        )[: 2 if mode == 0 else 4],
        WORDS,
        TABLE,
    )


def test_a_mode_that_is_none():
    moves(lambda t, words, table: t.embedding_bag(table, words.flatten(), t.tensor([0]), mode=3), WORDS, TABLE)
