"""One line a layer: how to make it, and the shapes to call it with.

Layers with random forwards are made so that their result is fixed, or are called in evaluation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Case(NamedTuple):
    name: str
    args: tuple
    kwargs: dict
    inputs: tuple


def case(call: str, *inputs) -> Case:
    """``case("Linear(3, 4)", (2, 3))``: a layer and its inputs, each a shape or a kind with a shape."""
    name, _, arguments = call.partition("(")
    args, kwargs = eval(f"(lambda *a, **k: (a, k))({arguments}")
    return Case(name, args, kwargs, inputs)


def make_input(spec, seed: int) -> np.ndarray:
    """An array for a shape; ``("labels", classes, *shape)`` and ``("unit", *shape)`` for other values."""
    rng = np.random.default_rng(seed)
    if not spec or isinstance(spec[0], int):
        return rng.standard_normal(spec).astype(np.float32)
    kind, *rest = spec
    if kind == "labels":
        return rng.integers(0, rest[0], rest[1:])
    if kind == "unit":
        return rng.uniform(0.05, 0.95, rest).astype(np.float32)
    if kind == "signs":
        return np.where(rng.uniform(size=rest) < 0.5, -1.0, 1.0).astype(np.float32)
    raise ValueError(kind)


ACTIVATIONS = [
    "Threshold(0.1, 2.0)",
    "ReLU()",
    "ReLU(inplace=True)",
    "RReLU(0.2, 0.2)",
    "Hardtanh()",
    "Hardtanh(-2.0, 2.0, inplace=True)",
    "ReLU6()",
    "ReLU6(inplace=True)",
    "Sigmoid()",
    "Hardsigmoid()",
    "Tanh()",
    "SiLU()",
    "SiLU(inplace=True)",
    "Mish()",
    "Hardswish()",
    "ELU()",
    "ELU(0.5, inplace=True)",
    "CELU(1.5)",
    "SELU()",
    "GELU()",
    "GELU(approximate='tanh')",
    "Hardshrink()",
    "LeakyReLU()",
    "LeakyReLU(0.2, True)",
    "LogSigmoid()",
    "Softplus()",
    "Softplus(2.0, 1.0)",
    "Softshrink(0.3)",
    "PReLU()",
    "PReLU(4, init=0.1)",
    "Softsign()",
    "Tanhshrink()",
    "Softmin(dim=1)",
    "Softmax(dim=-1)",
    "LogSoftmax(dim=1)",
    "GLU(1)",
]

POOLING = [
    case("MaxPool1d(3)", (2, 4, 9)),
    case("MaxPool2d(3, stride=2, padding=1)", (2, 3, 8, 9)),
    case("MaxPool2d((2, 3), ceil_mode=True, return_indices=True)", (2, 3, 7, 7)),
    case("MaxPool3d(2, dilation=2)", (1, 2, 6, 6, 6)),
    case("AvgPool1d(2)", (2, 3, 8)),
    case("AvgPool2d(3, 2, 1, count_include_pad=False)", (2, 3, 8, 8)),
    case("AvgPool2d((2, 1), divisor_override=3)", (3, 8, 8)),
    case("AvgPool3d(2, ceil_mode=True)", (1, 2, 5, 5, 5)),
    case("LPPool1d(2, 3)", (2, 3, 9)),
    case("LPPool2d(1.0, (2, 3), stride=2)", (2, 3, 8, 9)),
    case("LPPool3d(2, 2)", (1, 2, 4, 4, 4)),
    case("AdaptiveMaxPool1d(3)", (2, 3, 10)),
    case("AdaptiveMaxPool2d((3, None), return_indices=True)", (2, 3, 7, 5)),
    case("AdaptiveMaxPool3d(2)", (1, 2, 5, 6, 7)),
    case("AdaptiveAvgPool1d(3)", (2, 3, 10)),
    case("AdaptiveAvgPool2d((2, 3))", (2, 3, 7, 5)),
    case("AdaptiveAvgPool3d((None, 2, 2))", (1, 2, 5, 6, 7)),
    case("FractionalMaxPool2d(2, output_size=3)"),
    case("FractionalMaxPool3d(2, output_ratio=0.5)"),
    case("MaxUnpool1d(2)"),
    case("MaxUnpool2d(3, stride=2, padding=1)"),
    case("MaxUnpool3d((2, 2, 1))"),
]

CONVOLUTIONS = [
    case("Conv1d(4, 6, 3)", (2, 4, 9)),
    case("Conv1d(4, 6, 3, padding='same', dilation=2, bias=False)", (2, 4, 9)),
    case("Conv2d(3, 8, 3, padding=1)", (2, 3, 7, 8)),
    case("Conv2d(4, 8, (3, 5), stride=(2, 1), padding=(1, 2), groups=2)", (2, 4, 9, 9)),
    case("Conv2d(3, 4, 3, padding=1, padding_mode='reflect')", (2, 3, 6, 6)),
    case("Conv2d(3, 4, 3, padding='same', padding_mode='circular')", (3, 6, 6)),
    case("Conv2d(3, 4, 2, padding='valid', dilation=2)", (2, 3, 6, 6)),
    case("Conv3d(2, 3, 2, padding=1)", (1, 2, 4, 4, 4)),
    case("ConvTranspose1d(4, 6, 3, stride=2)", (2, 4, 5)),
    case("ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)", (2, 4, 5, 5)),
    case("ConvTranspose3d(2, 3, 2, bias=False, dilation=2)", (1, 2, 3, 3, 3)),
]

NORMS = [
    case("BatchNorm1d(4)", (6, 4)),
    case("BatchNorm1d(4, momentum=None)", (6, 4, 3)),
    case("BatchNorm2d(3, eps=1e-3, affine=False)", (4, 3, 5, 5)),
    case("BatchNorm2d(3, track_running_stats=False)", (4, 3, 5, 5)),
    case("BatchNorm2d(3, bias=False)", (4, 3, 5, 5)),
    case("BatchNorm3d(2)", (2, 2, 3, 3, 3)),
    case("SyncBatchNorm(4, momentum=None)", (6, 4, 3)),
    case("InstanceNorm1d(3)", (2, 3, 8)),
    case("InstanceNorm2d(3, affine=True, track_running_stats=True)", (2, 3, 6, 6)),
    case("InstanceNorm3d(2)", (2, 4, 4, 4)),
    case("LayerNorm(8)", (4, 8)),
    case("LayerNorm((3, 4), bias=False)", (2, 3, 4)),
    case("LayerNorm([4], elementwise_affine=False)", (2, 3, 4)),
    case("GroupNorm(2, 6)", (3, 6, 4)),
    case("GroupNorm(3, 6, affine=False)", (3, 6)),
    case("RMSNorm(8)", (4, 8)),
    case("RMSNorm((3, 4), eps=1e-4, elementwise_affine=False)", (2, 3, 4)),
    case("LocalResponseNorm(3)", (2, 5, 4, 4)),
]

LOSSES = [
    case("L1Loss()", (3, 4), (3, 4)),
    case("MSELoss(reduction='sum')", (3, 4), (3, 4)),
    case("SmoothL1Loss(beta=0.5)", (3, 4), (3, 4)),
    case("HuberLoss(delta=0.5)", (3, 4), (3, 4)),
    case("CrossEntropyLoss()", (5, 4), ("labels", 4, 5)),
    case("LinearCrossEntropyLoss(5, 10, out_features=(4, 3), bias=True)", (2, 5), ("labels", 10, 2, 4, 3)),
    case("LinearCrossEntropyLoss(5, 4, reduction='none', label_smoothing=0.1)", (2, 5), ("labels", 4, 2)),
    case("CrossEntropyLoss(ignore_index=1, label_smoothing=0.1)", (5, 4, 3), ("labels", 4, 5, 3)),
    case("NLLLoss(reduction='none')", (5, 4), ("labels", 4, 5)),
    case("PoissonNLLLoss(full=True)", (3, 4), ("unit", 3, 4)),
    case("GaussianNLLLoss()", (3, 4), (3, 4), ("unit", 3, 4)),
    case("KLDivLoss(reduction='batchmean')", (3, 4), ("unit", 3, 4)),
    case("BCELoss()", ("unit", 3, 4), ("unit", 3, 4)),
    case("BCEWithLogitsLoss()", (3, 4), ("unit", 3, 4)),
    case("HingeEmbeddingLoss()", (3, 4), ("signs", 3, 4)),
    case("MultiLabelMarginLoss()", (3, 4), ("labels", 4, 3, 4)),
    case("SoftMarginLoss()", (3, 4), ("signs", 3, 4)),
    case("MultiLabelSoftMarginLoss()", (3, 4), ("unit", 3, 4)),
    case("CosineEmbeddingLoss(margin=0.1)", (3, 4), (3, 4), ("signs", 3)),
    case("MarginRankingLoss(margin=0.1)", (3,), (3,), ("signs", 3)),
    case("MultiMarginLoss(p=2)", (5, 4), ("labels", 4, 5)),
    case("TripletMarginLoss(swap=True)", (3, 4), (3, 4), (3, 4)),
    case("TripletMarginWithDistanceLoss()", (3, 4), (3, 4), (3, 4)),
    case("CTCLoss(blank=1)"),
    case("AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2.0)", (6, 8), ("labels", 20, 6)),
    case("AdaptiveLogSoftmaxWithLoss(8, 20, [15], head_bias=True)", (8,), ("labels", 20)),
]

PADDING = [
    *[case(f"{kind}Pad1d(2)", (2, 3, 5)) for kind in ("Circular", "Reflection", "Replication", "Zero")],
    *[
        case(f"{kind}Pad2d((1, 2, 0, 1))", (2, 3, 5, 5))
        for kind in ("Circular", "Reflection", "Replication", "Zero")
    ],
    *[case(f"{kind}Pad3d(1)", (1, 2, 3, 3, 3)) for kind in ("Circular", "Reflection", "Replication", "Zero")],
    case("ConstantPad1d(1, 2.5)", (2, 3, 5)),
    case("ConstantPad2d((1, 0, 2, 1), -1)", (2, 3, 5, 5)),
    case("ConstantPad3d(1, 0.0)", (1, 2, 3, 3, 3)),
]

OTHERS = [
    case("Identity(54, unused=True)", (2, 3)),
    case("Linear(5, 3)", (4, 5)),
    case("Linear(5, 3, bias=False)", (2, 4, 5)),
    case("Bilinear(3, 4, 5)", (2, 3), (2, 4)),
    case("Embedding(10, 3)", ("labels", 10, 2, 4)),
    case("Embedding(10, 3, padding_idx=-1, max_norm=1.0)", ("labels", 10, 5)),
    case("EmbeddingBag(10, 3)", ("labels", 10, 2, 4)),
    case("EmbeddingBag(10, 3, mode='sum', padding_idx=2)", ("labels", 10, 2, 4)),
    case("Dropout(0.0)", (3, 4)),
    case("Dropout(1.0, inplace=True)", (3, 4)),
    case("Dropout1d(0.0)", (2, 3, 4)),
    case("Dropout2d(1.0)", (2, 3, 4, 4)),
    case("Dropout3d(0.0)", (2, 3, 2, 2, 2)),
    case("AlphaDropout(0.0)", (3, 4)),
    case("FeatureAlphaDropout(0.0)", (3, 4, 2)),
    case("Flatten()", (2, 3, 4)),
    case("Flatten(0, 1)", (2, 3, 4)),
    case("Unflatten(1, (2, 3))", (4, 6)),
    case("Upsample(scale_factor=2)", (1, 2, 3, 3)),
    case("Upsample(size=(5, 7), mode='bilinear')", (1, 2, 3, 3)),
    case("Upsample(scale_factor=(2, 3), mode='bicubic', align_corners=True)", (1, 2, 3, 3)),
    case("UpsamplingNearest2d(size=4)", (1, 2, 3, 3)),
    case("UpsamplingBilinear2d(scale_factor=2)", (1, 2, 3, 3)),
    case("PixelShuffle(2)", (1, 8, 3, 3)),
    case("PixelUnshuffle(2)", (1, 2, 4, 4)),
    case("ChannelShuffle(2)", (1, 6, 2, 2)),
    case("CosineSimilarity()", (3, 4), (3, 4)),
    case("PairwiseDistance(p=1.0, keepdim=True)", (3, 4), (3, 4)),
    case("Fold((4, 5), (2, 2))", (1, 8, 12)),
    case("Unfold((2, 3), padding=1)", (1, 2, 4, 5)),
    case("Softmax2d()", (2, 3, 4, 4)),
]

CASES = [
    *[case(call, (3, 4, 5)) for call in ACTIVATIONS],
    *POOLING,
    *CONVOLUTIONS,
    *NORMS,
    *LOSSES,
    *PADDING,
    *OTHERS,
]
