"""Layers that PyTorch's database leaves out, options that it does not vary, and classes around layers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from modules_cases.comparing import attempt


def tried(*calls: Any) -> list:
    return [attempt(call) for call in calls]


def lived(m: Any, make: Any, *inputs: Any, **keywords: Any) -> list:
    """Text, state, result and gradients of a layer made under a seed."""
    m.manual_seed(5)
    layer = make()
    leaves = [i.clone().requires_grad_() if isinstance(i, m.Tensor) and i.is_floating_point() else i for i in inputs]
    m.manual_seed(6)
    out = layer(*leaves, **keywords)
    first = out[0] if isinstance(out, tuple) else out
    first = getattr(first, "output", first)
    if first.requires_grad:
        first.pow(2).sum().backward()
    grads = [i.grad for i in leaves if isinstance(i, m.Tensor)] + [
        None if p.grad is None or p.grad.is_sparse else p.grad for p in layer.parameters()
    ]
    return [
        repr(layer),
        dict(layer.state_dict()),
        out,
        grads,
        layer.eval()(*inputs, **keywords),
        repr(pickle.loads(pickle.dumps(layer))),
    ]


def data(m: Any, *shape: int) -> Any:
    return m.linspace(-2, 2, int(m.tensor(shape).prod())).reshape(shape)


def dropouts(m: Any) -> list:
    x, n = data(m, 2, 3, 4, 4), m.nn
    found = [lived(m, lambda d=d: d(0.4), x) for d in (n.Dropout, n.Dropout2d, n.AlphaDropout, n.FeatureAlphaDropout)]
    found += [
        lived(m, lambda: n.Dropout1d(0.4), data(m, 2, 3, 4)),
        lived(m, lambda: n.Dropout3d(0.4), data(m, 2, 3, 2, 2, 2)),
    ]
    return found + tried(
        lambda: n.Dropout(1.5),
        lambda: n.Dropout(-0.1),
        lambda: n.Dropout(0.0)(x),
        lambda: n.Dropout(1.0)(x),
        lambda: n.Dropout(0.5, inplace=True)(x.clone()),
        lambda: n.Dropout1d(0.5)(x),
        lambda: n.Dropout2d(0.5)(data(m, 2, 3)),
        lambda: n.Dropout3d(0.5)(data(m, 2, 3)),
        lambda: repr(n.Dropout2d(0.3, True)),
    )


def pools(m: Any) -> list:
    n, x = m.nn, data(m, 2, 2, 6, 6)
    pool, unpool = n.MaxPool2d(2, return_indices=True), n.MaxUnpool2d(2)
    out, places = pool(x)
    found = [
        unpool(out, places),
        unpool(out, places, output_size=(2, 2, 7, 7)),
        attempt(lambda: unpool(out, places, output_size=(9, 9))),
    ]
    flat, at = n.MaxPool1d(3, 2, return_indices=True)(data(m, 2, 9))
    found += [
        n.MaxUnpool1d(3, 2)(flat, at),
        repr(n.MaxUnpool1d(3, 2)),
        repr(n.AdaptiveMaxPool2d((None, 2))),
        repr(n.LPPool2d(2, 3, 2)),
        repr(n.AvgPool3d(2)),
        lived(m, lambda: n.AdaptiveAvgPool2d((3, None)), x),
        lived(m, lambda: n.FractionalMaxPool2d(2, output_ratio=0.5), x),
    ]
    return found + tried(
        lambda: n.MaxPool2d(2, padding=2)(x),
        lambda: n.AvgPool2d(2, divisor_override=0)(x),
        lambda: n.FractionalMaxPool2d(2),
        lambda: n.FractionalMaxPool2d(2, 3, 0.5),
        lambda: n.FractionalMaxPool2d(2, output_ratio=1.5),
        lambda: n.MaxPool2d(2, ceil_mode=True, dilation=2)(x),
        lambda: n.MaxPool1d(2)(data(m, 4)),
    )


def embeddings(m: Any) -> list:
    n, i = m.nn, m.tensor([[1, 2], [0, 1]])
    found = [
        lived(m, lambda: n.Embedding(4, 3, padding_idx=0), i),
        lived(m, lambda: n.Embedding(4, 3, max_norm=0.5), i),
        lived(m, lambda: n.Embedding(4, 3, scale_grad_by_freq=True), i),
        lived(m, lambda: n.Embedding(4, 3, padding_idx=-1, norm_type=1.0), i),
    ]
    weight = data(m, 4, 3)
    given = n.Embedding.from_pretrained(weight)
    found += [
        repr(given),
        given.weight.requires_grad,
        given(i),
        n.Embedding.from_pretrained(weight, freeze=False, padding_idx=1).weight.requires_grad,
    ]
    for mode in ("sum", "mean", "max"):
        found.append(lived(m, lambda mode=mode: n.EmbeddingBag(4, 3, mode=mode), i))
        found.append(
            lived(
                m,
                lambda mode=mode: n.EmbeddingBag(4, 3, mode=mode, padding_idx=1),
                m.tensor([1, 2, 3, 0]),
                m.tensor([0, 3]),
            )
        )
    found.append(
        lived(
            m,
            lambda: n.EmbeddingBag(4, 3, mode="sum", include_last_offset=True),
            m.tensor([1, 2, 3, 0]),
            m.tensor([0, 3, 4]),
        )
    )
    bag = n.EmbeddingBag.from_pretrained(weight, mode="sum")
    return found + tried(
        lambda: bag(i, per_sample_weights=m.ones(2, 2)),
        lambda: repr(bag),
        lambda: n.EmbeddingBag(4, 3, mode="other"),
        lambda: n.Embedding(4, 3, padding_idx=4),
        lambda: n.Embedding(4, 3, padding_idx=-5),
        lambda: n.Embedding(4, 3, _weight=m.ones(2, 2)),
        lambda: n.Embedding.from_pretrained(m.ones(3)),
        lambda: n.EmbeddingBag(4, 3)(m.tensor([1])),
        lambda: n.EmbeddingBag(4, 3)(i, m.tensor([0])),
        lambda: n.Embedding(4, 3)(m.ones(2)),
        lambda: n.Embedding(4, 3)(m.tensor([4])),
    )


def attention(m: Any) -> list:
    n = m.nn
    q, k = data(m, 3, 2, 4), data(m, 5, 2, 4)
    mask = m.tensor([[False, True, False, False, True], [False] * 5])
    causal = n.Transformer.generate_square_subsequent_mask(3)
    found = [
        causal,
        lived(m, lambda: n.MultiheadAttention(4, 2), q, k, k),
        lived(m, lambda: n.MultiheadAttention(4, 2, bias=False, add_bias_kv=True, add_zero_attn=True), q, k, k),
        lived(m, lambda: n.MultiheadAttention(4, 2, kdim=6, vdim=3), q, data(m, 5, 2, 6), data(m, 5, 2, 3)),
        lived(m, lambda: n.MultiheadAttention(4, 2, dropout=0.5), q, q, q),
        lived(m, lambda: n.MultiheadAttention(4, 2), q, k, k, key_padding_mask=mask),
        lived(m, lambda: n.MultiheadAttention(4, 2), q, q, q, attn_mask=causal),
        lived(m, lambda: n.MultiheadAttention(4, 2), q, q, q, attn_mask=causal, is_causal=True, need_weights=False),
        lived(m, lambda: n.MultiheadAttention(4, 2), q, k, k, average_attn_weights=False),
        lived(m, lambda: n.MultiheadAttention(4, 2, batch_first=True), q, q, q),
        lived(m, lambda: n.MultiheadAttention(4, 2), q[:, 0], k[:, 0], k[:, 0]),
    ]
    mha = n.MultiheadAttention(4, 2)
    return found + tried(
        lambda: n.MultiheadAttention(5, 2),
        lambda: n.MultiheadAttention(0, 2),
        lambda: mha(q, k, q),
        lambda: mha(q, k, k, attn_mask=m.ones(2, 2)),
        lambda: mha(q, k, k, key_padding_mask=m.zeros(3, 3)),
        lambda: mha(q, q, q, is_causal=True),
        lambda: mha(q[None], k, k),
        lambda: mha(q, k, k, attn_mask=m.zeros(3, 5, dtype=m.int32)),
    )


def transformers(m: Any) -> list:
    n, x = m.nn, data(m, 3, 2, 4)
    layer = lambda **o: n.TransformerEncoderLayer(4, 2, 8, 0.0, **o)  # noqa: E731
    pad = m.tensor([[False, False, True], [False, False, False]])
    found = [
        lived(m, lambda: n.TransformerEncoder(layer(), 2, n.LayerNorm(4)), x),
        lived(m, lambda: n.TransformerEncoder(layer(batch_first=True), 2), x.transpose(0, 1), src_key_padding_mask=pad),
        lived(m, lambda: layer(activation="gelu", norm_first=True), x),
        lived(m, lambda: layer(activation=m.tanh if False else n.functional.silu), x),
        lived(m, lambda: layer(bias=False), x),
        lived(m, lambda: n.TransformerDecoder(n.TransformerDecoderLayer(4, 2, 8, 0.0), 1), x, x),
        lived(m, lambda: n.Transformer(4, 2, 1, 1, 8, 0.0), x, x),
        lived(m, lambda: layer(), x, src_mask=n.Transformer.generate_square_subsequent_mask(3), is_causal=True),
    ]
    return found + tried(
        lambda: layer(activation="other"),
        lambda: n.TransformerEncoderLayer(5, 2),
        lambda: n.Transformer(4, 2)(x, data(m, 3, 3, 4)),
        lambda: n.Transformer(4, 2)(x, data(m, 3, 2, 5)),
        lambda: repr(n.Transformer(4, 2, 1, 1, 8)),
        lambda: layer()(x, src_mask=m.ones(2, 2)),
        lambda: n.TransformerEncoder(layer(), 2, mask_check=False)(x).shape == x.shape,
    )


def recurrent(m: Any) -> list:
    n, x, r = m.nn, data(m, 4, 2, 3), m.nn.utils.rnn
    found = []
    for kind in ("RNN", "GRU", "LSTM"):
        make = getattr(n, kind)
        found += [
            lived(m, lambda: make(3, 2, 2, dropout=0.5), x),
            lived(m, lambda: make(3, 2, bidirectional=True, batch_first=True), x),
            lived(m, lambda: make(3, 2, bias=False), x[:, 0]),
        ]
        packed = r.pack_padded_sequence(x, [2, 4], enforce_sorted=False)
        m.manual_seed(0)
        net = make(3, 2, bidirectional=True)
        out, state = net(packed)
        found += [
            list(out),
            state,
            r.pad_packed_sequence(out),
            net.all_weights,
            repr(copy.deepcopy(net)),
            net.flatten_parameters(),
        ]
    found += [
        lived(m, lambda: n.LSTM(3, 4, proj_size=2, num_layers=2), x),
        lived(m, lambda: n.RNN(3, 2, nonlinearity="relu"), x),
    ]
    lstm = n.LSTM(3, 2)
    return found + tried(
        lambda: n.LSTM(3, 2, proj_size=2),
        lambda: n.RNN(3, 2, nonlinearity="x"),
        lambda: n.GRU(3, 2, dropout=0.5),
        lambda: n.GRU(3, 2, dropout=2),
        lambda: n.LSTM(3, 0),
        lambda: n.LSTM(3, 2, 0),
        lambda: n.GRU(3, 2, proj_size=1),
        lambda: lstm(data(m, 2, 2)),
        lambda: lstm(x, m.zeros(1, 2, 2)),
        lambda: lstm(x, (m.zeros(1, 2, 3), m.zeros(1, 2, 2))),
        lambda: lstm(x, (m.zeros(1, 2), m.zeros(1, 2))),
        lambda: lstm(x.double()),
        lambda: n.LSTM("3", 2),
        lambda: n.LSTM(3, 2, dropout="x"),
        lambda: lstm(m.ones(2)),
        lambda: n.GRU(3, 2)(x, m.zeros(2, 2, 2)),
        lambda: n.RNN(3, 2, 1, "relu"),
        lambda: n.RNN(3, 2, 1, "tanh", False, True),
        lambda: lstm(m.ones(0, 2, 3)),
        lambda: lstm(m.ones(4, 0, 3)),
        lambda: n.LSTMCell(3, 2)(m.ones(2, 4)),
        lambda: n.GRUCell(3, 2)(m.ones(2, 3), m.ones(3, 2)),
        lambda: n.RNNCell(3, 2, nonlinearity="x")(m.ones(3)),
        lambda: n.LSTMCell(3, 2)(m.ones(1, 1, 3)),
    )


def shapes(m: Any) -> list:
    n, x = m.nn, data(m, 2, 4, 4, 4)
    found = [
        lived(m, lambda: n.Flatten(1, 2), x),
        lived(m, lambda: n.Unflatten(1, (2, 2)), x),
        lived(m, lambda: n.Unflatten(1, m.Size([2, -1])), x),
        lived(m, lambda: n.Fold((4, 4), 2, stride=2), data(m, 1, 8, 4)),
        lived(m, lambda: n.Unfold((2, 3), 1, 1, 2), x),
        lived(m, lambda: n.PixelShuffle(2), x),
        lived(m, lambda: n.PixelUnshuffle(2), x),
        lived(m, lambda: n.ChannelShuffle(2), x),
        lived(m, lambda: n.Upsample(scale_factor=2.0), x),
        lived(m, lambda: n.Upsample((3, 5), mode="bilinear", align_corners=True), x),
        lived(m, lambda: n.UpsamplingBilinear2d(scale_factor=2), x),
        lived(m, lambda: n.UpsamplingNearest2d((3, 3)), x),
        lived(m, lambda: n.ZeroPad2d((1, 0, 2, 1)), x),
        lived(m, lambda: n.ReflectionPad2d(1), x),
        lived(m, lambda: n.CosineSimilarity(2), x, x + 1),
        lived(m, lambda: n.PairwiseDistance(1.0, keepdim=True), data(m, 2, 4), data(m, 2, 4) + 1),
        lived(m, lambda: n.Identity(3, a=2), x),
        lived(m, lambda: n.RReLU(), x),
        lived(m, lambda: n.Softmax(), data(m, 2, 3)),
        lived(m, lambda: n.PReLU(4), x),
        lived(m, lambda: n.GLU(1), x),
        lived(m, lambda: n.Threshold(0.1, 3), x),
        lived(m, lambda: n.LocalResponseNorm(2), x),
    ]
    return found + tried(
        lambda: n.Unflatten(1, (3, 2))(x),
        lambda: n.Unflatten("a", 3),
        lambda: n.Unflatten(1, 3),
        lambda: n.PixelShuffle(3)(x),
        lambda: n.ChannelShuffle(3)(x),
        lambda: n.Softmax2d()(data(m, 2, 3)),
        lambda: n.Flatten(3, 1)(x),
        lambda: n.Upsample(2, 2.0)(x),
        lambda: n.Upsample()(x),
        lambda: n.ZeroPad2d((1, 2, 3))(x),
        lambda: n.CircularPad2d(9)(x),
        lambda: n.RReLU(0.5, 0.1)(x),
        lambda: n.Hardtanh(1, 0),
        lambda: n.Fold(4, 2)(x),
    )


def losses(m: Any) -> list:
    n, x, t = m.nn, data(m, 4, 3), m.tensor([0, 2, 1, 1])
    found = [
        lived(m, lambda: n.AdaptiveLogSoftmaxWithLoss(3, 6, [2, 4], 2.0, True), x, m.tensor([0, 5, 2, 3])),
        lived(m, lambda: n.TripletMarginLoss(0.5, 1, swap=True), x, x + 0.1, x - 0.3),
        lived(m, lambda: n.TripletMarginWithDistanceLoss(distance_function=n.PairwiseDistance()), x, x + 0.1, x - 0.3),
        lived(m, lambda: n.NLLLoss(m.tensor([1.0, 2.0, 3.0]), ignore_index=1), x, t),
        lived(m, lambda: n.CrossEntropyLoss(label_smoothing=0.1), x, t),
        lived(m, lambda: n.CrossEntropyLoss(m.tensor([1.0, 2.0, 0.5])), x, m.softmax(x, 1)),
        lived(m, lambda: n.MultiLabelSoftMarginLoss(), x, (x > 0).float()),
        lived(m, lambda: n.BCEWithLogitsLoss(pos_weight=m.tensor([1.0, 2.0, 3.0])), x, (x > 0).float()),
        lived(m, lambda: n.CosineEmbeddingLoss(0.2), x, x.flip(0), m.tensor([1, -1, 1, -1])),
    ]
    adaptive = n.AdaptiveLogSoftmaxWithLoss(3, 6, [2, 4])
    found += tried(
        lambda: adaptive.log_prob(x).shape == (4, 6),
        lambda: adaptive.predict(x).shape == (4,),
        lambda: n.AdaptiveLogSoftmaxWithLoss(3, 6, []),
        lambda: n.AdaptiveLogSoftmaxWithLoss(3, 6, [4, 2]),
        lambda: n.AdaptiveLogSoftmaxWithLoss(3, 6, [2, 6]),
        lambda: adaptive(x, m.tensor([0, 1])),
        lambda: adaptive(x, m.tensor([0, 1, 9, 2])),
    )
    return found + tried(
        lambda: n.MSELoss("sum"),
        lambda: n.MSELoss(reduction="other")(x, x),
        lambda: n.MSELoss(size_average=False)(x, x + 1),
        lambda: n.L1Loss(reduce=False)(x, x),
        lambda: n.MSELoss()(x, x[:2]),
        lambda: n.NLLLoss()(x, m.tensor([0, 3, 1, 1])),
        lambda: n.CrossEntropyLoss()(x, t.float()),
        lambda: n.BCELoss()(x, x),
        lambda: n.GaussianNLLLoss()(x, x, -m.ones(4, 3)),
        lambda: n.SmoothL1Loss(beta=-1)(x, x),
        lambda: n.HuberLoss(delta=0)(x, x),
        lambda: n.TripletMarginLoss(margin=-1),
        lambda: n.CTCLoss()(m.zeros(3, 1, 2), m.tensor([[1]]), [3], [5]),
        lambda: n.KLDivLoss()(x, x.exp()),
        lambda: n.PoissonNLLLoss()(x, t),
    )


def padding_modes(m: Any) -> list:
    x, n = data(m, 1, 2, 5, 5), m.nn
    found = [
        lived(m, lambda mode=mode: n.Conv2d(2, 2, 3, padding=1, padding_mode=mode), x)
        for mode in ("zeros", "reflect", "replicate", "circular")
    ]
    found += [
        lived(m, lambda: n.Conv2d(2, 4, (2, 3), padding="same", groups=2), x),
        lived(m, lambda: n.ConvTranspose2d(2, 3, 2, 2, 1, 1), x),
        lived(m, lambda: n.Conv1d(2, 3, 2, dilation=2), data(m, 2, 7)),
    ]
    t = n.ConvTranspose2d(2, 3, 3, 2)
    return found + tried(
        lambda: t(x, output_size=(12, 12)).shape == (1, 3, 12, 12),
        lambda: t(x, output_size=(20, 20)),
        lambda: t(x, output_size=(1, 2, 3)),
        lambda: n.Conv2d(2, 3, 3, padding="same", stride=2),
        lambda: n.Conv2d(2, 3, 3, padding="other"),
        lambda: n.Conv2d(3, 2, 3, groups=2),
        lambda: n.Conv2d(2, 3, 3, padding_mode="other"),
        lambda: n.ConvTranspose2d(2, 3, 3, padding_mode="reflect"),
        lambda: n.Conv2d(2, 3, 3)(data(m, 1, 3, 5, 5)),
        lambda: n.Conv2d(2, 3, 9)(x),
        lambda: n.Conv2d(2, 3, 3)(x.double()),
        lambda: n.Conv2d(2, 3, 3)(x.to(m.int64)),
        lambda: n.Conv2d(2, 3, 3, groups=0),
        lambda: n.Conv2d(2, 3, 0)(x),
    )
