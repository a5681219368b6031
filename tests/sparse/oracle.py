"""Runs one program in flambeau and in PyTorch and compares what comes out, sparse tensors by their components."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

LAYOUTS = ["sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"]
MATRIX = [[0.0, 1.0, 2.0, 0.0], [3.0, 0.0, 0.0, -4.0], [0.0, 0.0, 0.0, 0.0], [0.5, 0.0, -6.0, 7.0]]


def agree(program) -> None:
    """Fail unless ``program(flambeau)`` and ``program(torch)`` give the same tensors (or tuples of them, or plain values)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(program(flambeau), program(torch))


def errors_agree(program) -> None:
    """Fail unless both raise the same type of error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as theirs:  # noqa: PT011
            program(torch)
        with pytest.raises(theirs.type):
            program(flambeau)


def same(ours, theirs) -> None:
    """Fail unless both are alike."""
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b)
        return
    if not isinstance(theirs, torch.Tensor):
        assert str(ours) == str(theirs)
        return
    assert isinstance(ours, flambeau.Tensor)
    assert str(ours.layout) == str(theirs.layout)
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    for a, b in zip(components(ours), components(theirs)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def components(x) -> list[np.ndarray]:
    """The elements of a dense tensor; indices and values of a sparse one, coalesced."""
    layout = str(x.layout).removeprefix("torch.")
    x = x.detach()
    if layout == "strided":
        parts = [x]
    elif layout == "sparse_coo":
        x = x.coalesce()
        parts = [x.indices(), x.values()]
    elif layout in ("sparse_csr", "sparse_bsr"):
        parts = [x.crow_indices(), x.col_indices(), x.values()]
    else:
        parts = [x.ccol_indices(), x.row_indices(), x.values()]
    return [np.asarray(part.numpy()) for part in parts]


def as_layout(m, layout: str, requires_grad: bool = False, data=MATRIX):
    """A matrix in a layout, as a leaf."""
    options = {"blocksize": (2, 2)} if layout[7] == "b" else {}
    made = m.tensor(data).to_sparse(layout=getattr(m, layout), **options)
    return made.detach().requires_grad_(requires_grad)


def uncoalesced(m, requires_grad: bool = False):
    """A COO matrix with two entries at one place, out of order."""
    indices = m.tensor([[2, 0, 2, 0], [1, 2, 1, 0]])
    return m.sparse_coo_tensor(indices, m.tensor([1.0, -2.0, 3.0, 0.5]), (4, 4)).requires_grad_(requires_grad)
