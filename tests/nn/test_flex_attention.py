"""``flex_attention`` and block masks, against PyTorch."""

from __future__ import annotations

import pytest

import flambeau
from flambeau.nn.attention import flex_attention as mine

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.nn.attention.flex_attention")
pytestmark = pytest.mark.filterwarnings("ignore")
PAIRS = [(flambeau, mine), (torch, theirs)]


def inputs(m, heads=2, queries=5, keys=7):
    def values(*shape):
        n = m.arange(shape[0] * shape[1] * shape[2] * shape[3], dtype=m.float64)
        return (n.reshape(shape) * 0.7).sin().requires_grad_()

    return values(2, 4, queries, 3), values(2, heads, keys, 3), values(2, heads, keys, 3)


def close(found, expected):
    torch.testing.assert_close(torch.tensor(found.tolist(), dtype=torch.float64), expected.double())


@pytest.mark.parametrize(
    "options",
    [
        lambda m, f: {},
        lambda m, f: {"scale": 0.3},
        lambda m, f: {"score_mod": lambda score, b, h, q, k: score + 0.1 * h - 0.2 * (q - k).abs() + b},
        lambda m, f: {"score_mod": lambda score, b, h, q, k: m.where(q >= k, score, -float("inf"))},
        lambda m, f: {"block_mask": f.create_block_mask(lambda b, h, q, k: q > k, 2, 4, 5, 7, device="cpu")},
        lambda m, f: {
            "score_mod": lambda score, b, h, q, k: score * m.arange(1.0, 5.0, dtype=m.float64)[h],
            "block_mask": f.create_block_mask(
                f.or_masks(lambda b, h, q, k: q >= k, f.and_masks(lambda b, h, q, k: k > 5, f.noop_mask)),
                None, None, 5, 7, device="cpu", BLOCK_SIZE=2,
            ),
        },
    ],
)  # fmt: skip
@pytest.mark.parametrize("heads", [4, 2])
def test_values(options, heads):
    outcomes = []
    for m, f in PAIRS:
        q, k, v = (x.detach() for x in inputs(m, heads))
        outcomes.append(f.flex_attention(q, k, v, **options(m, f), enable_gqa=True, return_lse=True))
    for found, expected in zip(*outcomes):
        close(found, expected)


def test_gradients():  # PyTorch has none on the CPU
    mask = mine.create_block_mask(lambda b, h, q, k: q >= k, None, None, 2, 3)

    def attend(q, k, v):
        return mine.flex_attention(q, k, v, lambda score, b, h, q, k: score.sin() + h, block_mask=mask, enable_gqa=True)

    assert flambeau.autograd.gradcheck(attend, inputs(flambeau, 2, 2, 3), fast_mode=True)


def test_captured_tensors_have_gradients():
    bias = flambeau.tensor([0.1, 0.2, 0.3, 0.4], dtype=flambeau.float64, requires_grad=True)
    q, k, v = (x.detach() for x in inputs(flambeau, 4, 2, 3))

    def attend(bias):
        return mine.flex_attention(q, k, v, score_mod=lambda score, b, h, q, k: score + bias[h] * (q - k))

    assert flambeau.autograd.gradcheck(attend, bias)


def test_a_sliced_mask_has_no_function():
    for m, f in PAIRS:
        mask = f.create_block_mask(lambda b, h, q, k: q >= k + h, 2, 3, 6, 6, device="cpu", BLOCK_SIZE=2)
        x = m.ones(2, 1, 6, 2)
        with pytest.raises(RuntimeError, match="sliced BlockMask"):
            f.flex_attention(x, x, x, block_mask=mask[:, 1])


@pytest.mark.parametrize("block_size", [4, (4, 2)])
def test_block_masks(block_size):
    outcomes = []
    for _, f in PAIRS:
        mask = f.create_block_mask(lambda b, h, q, k: q >= k + h, 1, 2, 10, 9, device="cpu", BLOCK_SIZE=block_size)
        picked = mask[:, 1]
        names = "kv_num_blocks full_kv_num_blocks q_num_blocks full_q_num_blocks"
        found = [getattr(which, name).tolist() for which in (mask, picked) for name in names.split()]
        found += [
            mask.to_dense().tolist(),
            mask.shape,
            picked.shape,
            mask.numel(),
            round(mask.sparsity(), 6),
            mask.BLOCK_SIZE,
        ]
        again = f.BlockMask.from_kv_blocks(mask.kv_num_blocks, mask.kv_indices, BLOCK_SIZE=block_size)
        found += [again.seq_lengths, again.full_kv_indices, again.q_num_blocks.tolist()]
        kept = [(row[:count]) for row, count in zip(mask.kv_indices[0, 0].tolist(), mask.kv_num_blocks[0, 0].tolist())]
        outcomes.append([*found, kept])
    assert outcomes[0] == outcomes[1]
    assert "sparsity" in repr(mine.create_block_mask(mine.noop_mask, None, None, 4, 4))


def test_masks_of_elements():
    for mod in (lambda b, h, q, k: q >= k, lambda score, b, h, q, k: score - float("inf") * (q < k + 1)):
        found, expected = (f.create_mask(mod, 1, 2, 3, 4, device="cpu") for _, f in PAIRS)
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    "call",
    [
        lambda m, f: f.flex_attention(m.ones(2, 3, 4), m.ones(2, 3, 4), m.ones(2, 3, 4)),
        lambda m, f: f.flex_attention(m.ones(1, 4, 2, 2), m.ones(1, 2, 2, 2), m.ones(1, 2, 2, 2)),
        lambda m, f: f.flex_attention(*[m.ones(1, 1, 2, 2)] * 3, return_aux=f.AuxRequest(max_scores=True)),
        lambda m, f: f.flex_attention(
            *[m.ones(1, 1, 9, 2)] * 3,
            block_mask=f.create_block_mask(lambda b, h, q, k: q >= k, 1, 1, 4, 4, device="cpu", BLOCK_SIZE=2),
        ),
        lambda m, f: f.and_masks(3),
    ],
)
def test_errors(call):
    with pytest.raises(Exception) as expected:  # noqa: PT011
        call(torch, theirs)
    with pytest.raises(type(expected.value)):
        call(flambeau, mine)


def test_auxiliary_output():
    q = flambeau.ones(1, 1, 2, 2)
    _, aux = mine.flex_attention(q, q, q, return_aux=mine.AuxRequest(lse=True))
    assert aux.lse.shape == (1, 1, 2)
    assert aux.max_scores is None
