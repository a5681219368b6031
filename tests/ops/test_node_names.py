"""The names of nodes, which everybody prints as ``grad_fn``."""

from __future__ import annotations

import warnings

import pytest

import flambeau

torch = pytest.importorskip("torch")

EXPRESSIONS = """
x @ x | m @ x | x @ m | m @ m | b @ b | b @ m | b @ x | x @ b | b[None] @ b[None] | b[None] @ m
F.linear(m, m) | F.linear(m, m, x) | F.linear(x, m, x) | F.linear(b, m, x) | F.linear(b[None], m, x)
x.clamp(0, 1) | x.clamp(0) | x.clamp(max=1) | x.clamp(x, x) | x.clamp_min(x) | (x * 1).clamp_(0, 1)
x / 2 | x / x | 2 / x | t.div(x, 2, rounding_mode="floor") | t.div(x, x, rounding_mode="trunc") | x.fmod(2) | x.fmod(x) | x % 2 | x % x
x**2 | x**3 | x**x | 2**x | (x * 1).pow_(x) | 2 - x | t.rsub(x, x) | x.round(decimals=1) | x.lerp(x, 0.5) | x.lerp(x, x)
x.masked_fill(x > 0, 0) | x.masked_fill(x > 0, t.tensor(0.0)) | x.index_fill(0, i, 0) | x.index_fill(0, i, t.tensor(0.0))
x.squeeze() | x.squeeze(0) | b[:1, :1].squeeze((0, 1)) | x.rad2deg() | x.deg2rad() | x.log1p() | t.special.i0e(x) | t.special.entr(x)
F.pad(b, (1, 1)) | F.pad(b, (1, 1), "reflect") | F.pad(b[None], (1, 1, 1, 1), "replicate") | F.pad(b, (1, 1), "circular")
F.max_pool1d(b, 2) | F.max_pool2d(b[None], 2) | F.avg_pool1d(b, 2) | F.avg_pool2d(b[None], 2) | F.adaptive_avg_pool1d(b, 2)
F.adaptive_avg_pool2d(b[None], 2) | F.interpolate(b, scale_factor=2) | F.interpolate(b[None], scale_factor=2, mode="bilinear")
F.interpolate(b[None], scale_factor=2, mode="nearest-exact") | F.interpolate(b[None], scale_factor=2, mode="bicubic", antialias=True)
F.l1_loss(x, 2 * x) | F.l1_loss(x, 2 * x, reduction="sum") | F.l1_loss(x, 2 * x, reduction="none") | F.kl_div(x, x)
F.kl_div(x, x, reduction="none") | F.kl_div(x, x, reduction="none", log_target=True) | F.poisson_nll_loss(x, x)
F.cross_entropy(m, i) | F.cross_entropy(b, k) | F.nll_loss(m, i) | F.nll_loss(b, k) | F.rms_norm(m, (3,)) | F.rms_norm(m, (3,), x)
F.local_response_norm(b, 2) | F.pairwise_distance(m, 2 * m) | F.cosine_similarity(m, m) | F.softsign(x) | F.tanhshrink(x) | F.celu(x)
x.repeat_interleave(2)
"""


def name(library, expression: str) -> str:
    leaf = library.ones(3, 3, 3, requires_grad=True)
    scope = {"t": library, "F": library.nn.functional, "b": leaf, "m": leaf[0], "x": leaf[0, 0]}
    scope.update(i=library.tensor([0, 1, 2]), k=library.zeros(3, 3, dtype=library.int64))
    return type(eval(expression, scope).grad_fn).__name__


@pytest.mark.parametrize("expression", [e.strip() for e in EXPRESSIONS.replace("\n", " | ").split(" | ") if e.strip()])
def test_nodes_have_pytorch_s_names(expression):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert name(flambeau, expression) == name(torch, expression)
