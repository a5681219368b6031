"""Functions with an underscore that packages call, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def byte_matrix(m, *shape):
    return (m.arange(np.prod(shape)).reshape(shape) - 3).to(m.int8)


CASES = {
    "_shape_as_tensor": lambda m: (m.ones(2, 3),),
    "_dim_arange": lambda m: (m.ones(2, 3), 1),
    "_int_mm": lambda m: (byte_matrix(m, 2, 3), byte_matrix(m, 3, 4)),
    "_softmax": lambda m: (m.arange(3.0), 0, False),
    "_log_softmax": lambda m: (m.arange(3.0), 0, False),
    "_softmax_backward_data": lambda m: (m.arange(3.0), m.tensor([0.2, 0.5, 0.3]), 0, m.float32),
    "_log_softmax_backward_data": lambda m: (m.arange(3.0), m.tensor([0.2, 0.5, 0.3]).log(), 0, m.float32),
    "_is_all_true": lambda m: (m.tensor([True, False]),),
    "_is_any_true": lambda m: (m.tensor([True, False]),),
    "_convert_indices_from_coo_to_csr": lambda m: (m.tensor([0, 1, 1, 3]), 5),
    "_convert_indices_from_csr_to_coo": lambda m: (m.tensor([0, 1, 3, 3]), m.tensor([2, 0, 1])),
    "_weight_norm": lambda m: (m.arange(6.0).reshape(2, 3) + 1, m.tensor([[1.0], [2.0]]), 0),
    "_unique2": lambda m: (m.tensor([3, 1, 3]), True, True, True),
    "_cast_Float": lambda m: (m.arange(3),),
    "_cast_Long": lambda m: (m.arange(3.0),),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    found, expected = getattr(flambeau, name)(*CASES[name](flambeau)), getattr(torch, name)(*CASES[name](torch))
    found, expected = (list(r) if isinstance(r, tuple) else [r] for r in (found, expected))
    for mine, theirs in zip(found, expected, strict=True):
        assert str(mine.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)


def test_options_of_index_conversions():
    def run(m):
        rows, columns = m.tensor([0, 1, 3, 3]), m.tensor([2, 0, 1])
        a = m._convert_indices_from_coo_to_csr(m.tensor([0, 2]), 3, out_int32=True)
        b = m._convert_indices_from_csr_to_coo(rows, columns, out_int32=True, transpose=True)
        return a.tolist(), str(a.dtype), b.tolist(), str(b.dtype)

    assert run(flambeau) == run(torch)


def test_errors():
    with pytest.raises(RuntimeError, match="int8"):
        flambeau._int_mm(flambeau.ones(2, 2), flambeau.ones(2, 2))
    with pytest.raises(RuntimeError, match="bool"):
        flambeau._is_all_true(flambeau.ones(2))
    with pytest.raises(RuntimeError, match="half to float"):
        flambeau._softmax(flambeau.ones(2), 0, True)
