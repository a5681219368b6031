"""Causal masks as objects."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
from flambeau.nn.attention import bias as our_bias

torch = pytest.importorskip("torch")
their_bias = pytest.importorskip("torch.nn.attention.bias")

LIBRARIES = [(flambeau, our_bias), (torch, their_bias)]


@pytest.mark.parametrize("corner", ["causal_upper_left", "causal_lower_right"])
@pytest.mark.parametrize("queries", [3, 5])
def test_attention_under_the_mask(corner, queries):
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 2, n, 4)).astype("float32") for n in (queries, 5, 5))
    results = []
    for library, module in LIBRARIES:
        mask = getattr(module, corner)(queries, 5)
        assert isinstance(mask, module.CausalBias) and isinstance(mask, library.Tensor)
        assert (mask.seq_len_q, mask.seq_len_kv, int(mask.variant)) == (
            queries,
            5,
            1 + (corner == "causal_lower_right"),
        )
        attention = library.nn.functional.scaled_dot_product_attention
        result = attention(*map(library.from_numpy, (q, k, v)), attn_mask=mask)
        assert type(result) is library.Tensor
        results.append(result.numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("library", "module"), LIBRARIES, ids=["flambeau", "torch"])
def test_what_is_refused(library, module):
    x = library.ones(1, 1, 3, 2)
    with pytest.raises(ValueError, match="causal=True"):
        library.nn.functional.scaled_dot_product_attention(
            x, x, x, attn_mask=module.causal_upper_left(3, 3), is_causal=True
        )
    with pytest.warns(UserWarning, match="NaNs"):
        module.causal_lower_right(5, 3)
    with pytest.raises(AssertionError):
        module.causal_lower_right(2, 3, 4)
