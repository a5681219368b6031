"""Attention and transformers against PyTorch's: same seeds, same weights, same results."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

ATTENTIONS = [
    "MultiheadAttention(8, 2)",
    "MultiheadAttention(8, 4, bias=False)",
    "MultiheadAttention(8, 2, batch_first=True)",
    "MultiheadAttention(8, 2, kdim=5, vdim=6)",
    "MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)",
    "MultiheadAttention(9, 3)",
]
ENCODERS = [
    "TransformerEncoderLayer(8, 2, 16)",
    "TransformerEncoderLayer(8, 2, 16, 0.0, 'gelu', batch_first=True)",
    "TransformerEncoderLayer(8, 2, 16, norm_first=True, bias=False)",
    "TransformerEncoderLayer(8, 2, 16, activation=nn.functional.silu, layer_norm_eps=1e-3)",
    "TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)",
    "TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, nn.LayerNorm(8))",
]
DECODERS = [
    "TransformerDecoderLayer(8, 2, 16)",
    "TransformerDecoderLayer(8, 2, 16, activation='gelu', batch_first=True, norm_first=True)",
    "TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2, nn.LayerNorm(8))",
    "Transformer(8, 2, 1, 2, 16)",
    "Transformer(8, 2, 1, 1, 16, batch_first=True, norm_first=True, bias=False)",
]
pytestmark = pytest.mark.filterwarnings("ignore")


def make(library, call: str, training: bool = False):
    library.manual_seed(3)
    return eval(f"nn.{call}", {"nn": library.nn}).train(training)


def data(library, *shape, seed: int = 0):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return library.tensor(values, requires_grad=True)


def flat(value) -> list:
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in flat(part)]
    return [] if value is None else [value]


def assert_equal(ours, theirs) -> None:
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert str(mine.dtype) == str(wanted.dtype)
        np.testing.assert_allclose(mine.detach().numpy(), wanted.detach().numpy(), rtol=2e-5, atol=2e-5)


def compare(call, run, training: bool = False, gradients: bool = True) -> None:
    """``run(library, module)`` gives the same result, and its sum of squares the same gradients."""
    results, slopes = [], []
    for library in (flambeau, torch):
        module = make(library, call, training)
        results.append(run(library, module))
        if gradients:
            sum((x * x).sum() for x in flat(results[-1])).backward()
            slopes.append([p.grad for p in module.parameters()])
    assert_equal(*results)
    if gradients:
        assert_equal(*slopes)


@pytest.mark.parametrize("call", ATTENTIONS + ENCODERS + DECODERS)
def test_a_seed_gives_pytorch_s_weights_under_its_names(call):
    ours, theirs = make(flambeau, call), make(torch, call)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name].numpy(), tensor.numpy(), rtol=1e-6)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("call", ATTENTIONS)
@pytest.mark.parametrize("options", [{}, {"need_weights": False}, {"average_attn_weights": False}])
def test_attention(call, options):
    def run(library, module):
        first = (3, 4) if module.batch_first else (4, 3)
        query = data(library, *first, module.embed_dim)
        others = [data(library, *(first[0] if module.batch_first else 5, 5 if module.batch_first else 3), size, seed=1)
                  for size in (module.kdim, module.vdim)]  # fmt: skip
        return module(query, *others, **options)

    compare(call, run)


def masks(library, kind: str) -> dict:
    causal = library.nn.Transformer.generate_square_subsequent_mask(4)
    padding = library.tensor([[False, False, True, True], [False] * 4, [False, False, False, True]])
    return {
        "causal": {"attn_mask": causal, "is_causal": True, "need_weights": False},
        "boolean": {"attn_mask": causal != 0},
        "of each head": {"attn_mask": causal.repeat(6, 1, 1)},
        "padding": {"key_padding_mask": padding},
        "both": {"key_padding_mask": padding, "attn_mask": causal != 0, "need_weights": False},
    }[kind]


@pytest.mark.parametrize("kind", ["causal", "boolean", "of each head", "padding", "both"])
@pytest.mark.parametrize("call", ATTENTIONS[:3])
def test_masks(call, kind):
    def run(library, module):
        x = data(library, *((3, 4) if module.batch_first else (4, 3)), 8)
        options = dict(masks(library, kind))
        if kind == "of each head" and module.num_heads == 4:
            options["attn_mask"] = options["attn_mask"].repeat(2, 1, 1)
        return module(x, x, x, **options)

    compare(call, run)


@pytest.mark.parametrize("call", ATTENTIONS[:3])
def test_no_batch(call):
    compare(call, lambda library, module: module(*[data(library, 4, 8, seed=i) for i in range(3)]))


@pytest.mark.parametrize("call", ENCODERS)
@pytest.mark.parametrize("mask", [None, "causal", "hint", "padding"])
def test_encoders(call, mask):
    def run(library, module):
        inner = module.layers[0] if hasattr(module, "layers") else module
        name = "mask" if hasattr(module, "layers") else "src_mask"
        options = {}
        if mask in ("causal", "hint"):
            options[name] = library.nn.Transformer.generate_square_subsequent_mask(4)
        if mask == "hint":
            options["is_causal"] = True
        if mask == "padding":
            options["src_key_padding_mask"] = masks(library, "padding")["key_padding_mask"]
        return module(data(library, *((3, 4) if inner.self_attn.batch_first else (4, 3)), 8), **options)

    compare(call, run)


@pytest.mark.parametrize("call", DECODERS)
@pytest.mark.parametrize("masked", [False, True])
def test_decoders(call, masked):
    def run(library, module):
        first = (lambda n: (3, n)) if "batch_first=True" in call else (lambda n: (n, 3))
        inputs = [data(library, *first(5), 8), data(library, *first(4), 8, seed=1)]
        if not call.startswith("Transformer("):
            inputs.reverse()
        options = {"tgt_mask": library.nn.Transformer.generate_square_subsequent_mask(4)} if masked else {}
        if masked:
            options["tgt_key_padding_mask"] = library.tensor([[0.0, 0, 0, 0], [0, 0, 0, -1], [0, 0, -2, 0]])
        return module(*inputs, **options)

    compare(call, run)


@pytest.mark.parametrize("call", [ENCODERS[0], ENCODERS[4], DECODERS[3]])
def test_training_draws_pytorch_s_masks_of_dropout(call):
    def run(library, module):
        x = data(library, 4, 3, 8)
        return module(x, x) if call.startswith("Transformer(") else module(x)

    compare(call, run, training=True)


@pytest.mark.parametrize("aligned", [True, False])
def test_padding_comes_out_of_an_encoder_as_zeros_in_evaluation(aligned):
    def run(library, module):
        padding = masks(library, "padding")["key_padding_mask"]
        with library.no_grad():
            return module(data(library, 3, 4, 8), src_key_padding_mask=padding if aligned else padding.flip(1))

    for call in (ENCODERS[5], "TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)"):
        compare(call, run, gradients=False)


WRONG = [
    "nn.MultiheadAttention(0, 1)",
    "nn.MultiheadAttention(8, 3)",
    "nn.MultiheadAttention(8, 2)(ones(4, 3, 6), ones(4, 3, 6), ones(4, 3, 6))",
    "nn.MultiheadAttention(8, 2)(ones(4, 3, 8), ones(4, 3, 8), ones(4, 3, 8), is_causal=True)",
    "nn.MultiheadAttention(8, 2)(ones(4, 3, 8), ones(5, 3, 8), ones(4, 3, 8))",
    "nn.MultiheadAttention(8, 2, kdim=5)(ones(4, 3, 8), ones(5, 3, 5), ones(4, 3, 8))",
    "nn.MultiheadAttention(8, 2)(ones(4, 3, 8), ones(4, 3, 8), ones(4, 3, 8), attn_mask=ones(5, 5))",
    "nn.MultiheadAttention(8, 2)(ones(4, 3, 8), ones(4, 3, 8), ones(4, 3, 8), attn_mask=ones(4, 4).int())",
    "nn.TransformerEncoderLayer(8, 2, activation='silu')",
    "nn.Transformer(8, 2, 1, 1, 8)(ones(4, 3, 8), ones(4, 2, 8))",
    "nn.Transformer(8, 2, 1, 1, 8)(ones(4, 3, 6), ones(4, 3, 6))",
]


@pytest.mark.parametrize("call", WRONG)
def test_wrong_use_raises_pytorch_s_exception(call):
    with pytest.raises(Exception) as wanted:
        eval(call, {"nn": torch.nn, "ones": torch.ones})
    with pytest.raises(wanted.type):
        eval(call, {"nn": flambeau.nn, "ones": flambeau.ones})


def test_classes_are_where_pytorch_has_them():
    assert flambeau.nn.modules.activation.MultiheadAttention is flambeau.nn.MultiheadAttention
    assert flambeau.nn.modules.rnn.LSTMCell is flambeau.nn.LSTMCell
    assert flambeau.nn.modules.transformer.Transformer is flambeau.nn.Transformer
