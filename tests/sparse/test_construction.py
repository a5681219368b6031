"""Sparse tensors: construction, components, conversion between layouts, text, pickles."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

import flambeau

from .oracle import LAYOUTS, MATRIX, agree, as_layout, errors_agree, torch, uncoalesced


def test_coo_from_indices_and_values():
    agree(lambda m: m.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3)))
    agree(lambda m: m.sparse_coo_tensor(m.tensor([[0, 1], [1, 0]]), m.tensor([1, 2])))
    agree(lambda m: m.sparse_coo_tensor([[0, 2]], m.ones(2, 3), dtype=m.float64))
    agree(lambda m: m.sparse_coo_tensor((2, 3)))
    agree(lambda m: m.sparse_coo_tensor(m.zeros(2, 0, dtype=m.int64), m.zeros(0), (2, 2)))


def test_coo_components():
    agree(lambda m: (uncoalesced(m)._indices(), uncoalesced(m)._values(), uncoalesced(m)._nnz()))
    agree(
        lambda m: (
            uncoalesced(m).is_coalesced(),
            uncoalesced(m).coalesce().is_coalesced(),
            m.ones(2).to_sparse().is_coalesced(),
        )
    )
    agree(
        lambda m: (
            uncoalesced(m).sparse_dim(),
            uncoalesced(m).dense_dim(),
            m.ones(2, 3).sparse_dim(),
            m.ones(2, 3).dense_dim(),
        )
    )
    agree(lambda m: m.ones(2, 3, 4).to_sparse(1).coalesce().values())


@pytest.mark.parametrize("indices, values, size", [
    ([[0, 1]], [1.0], (3,)),
    ([[0, 1]], [1.0, 2.0], (3, 3)),
    ([0, 1], [1.0, 2.0], (3,)),
    ([[0, 1]], [1.0, 2.0], (-3,)),
])  # fmt: skip
def test_components_that_do_not_fit(indices, values, size):
    errors_agree(lambda m: m.sparse_coo_tensor(indices, values, size))
    errors_agree(lambda m: m.sparse_coo_tensor([[0, -1]], [1.0, 2.0]))
    errors_agree(lambda m: m.sparse_coo_tensor([[0], [1]], [1.0], (2**40, 2**40)))


def test_components_of_another_layout_are_refused():
    for name in ("indices", "values"):
        errors_agree(lambda m, name=name: getattr(uncoalesced(m), name)())
        errors_agree(lambda m, name=name: getattr(m.ones(2), name)())
    for name in ("crow_indices", "col_indices", "ccol_indices", "row_indices"):
        errors_agree(lambda m, name=name: getattr(uncoalesced(m), name)())


def test_invariants_are_checked_on_request():
    bad = [
        lambda m: m.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,), check_invariants=True),
        lambda m: m.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (3,), is_coalesced=True, check_invariants=True),
        lambda m: m.sparse_csr_tensor([0, 2, 4], [1, 0, 0, 1], [1.0, 2, 3, 4], (2, 2), check_invariants=True),
        lambda m: m.sparse_csr_tensor([1, 2, 4], [0, 1, 0, 1], [1.0, 2, 3, 4], (2, 2), check_invariants=True),
        lambda m: m.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 7], [1.0, 2, 3, 4], (2, 2), check_invariants=True),
        lambda m: m.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1.0, 2, 3, 4], (3, 2), check_invariants=True),
        lambda m: m.sparse_csc_tensor([0, 3, 2], [0, 1], [1.0, 2], (2, 2), check_invariants=True),
    ]
    for program in bad:
        errors_agree(program)
    with flambeau.sparse.check_sparse_tensor_invariants():
        assert flambeau.sparse.check_sparse_tensor_invariants.is_enabled()
        with pytest.raises(RuntimeError, match="found index 5"):
            flambeau.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,))
    assert not flambeau.sparse.check_sparse_tensor_invariants.is_enabled()


def test_indices_outside_are_found_by_who_reads_them():
    """PyTorch would read memory that is not its own."""
    bad = flambeau.sparse_coo_tensor([[0, 5], [0, 1]], [1.0, 2.0], (2, 2))
    for read in (lambda: bad.to_dense(), lambda: bad @ flambeau.ones(2, 2), lambda: bad.t() @ flambeau.ones(2, 2)):
        with pytest.raises(RuntimeError, match="inconsistent"):
            read()


@pytest.mark.parametrize("source", LAYOUTS)
@pytest.mark.parametrize("target", LAYOUTS)
def test_conversion_between_layouts(source, target):
    options = {"blocksize": (2, 2)} if target[7] == "b" else {}
    ours = as_layout(flambeau, source).to_sparse(layout=getattr(flambeau, target), **options)
    assert str(ours.layout) == f"torch.{target}"
    assert ours.to_dense().tolist() == MATRIX


@pytest.mark.parametrize("layout", LAYOUTS)
def test_to_and_from_dense(layout):
    agree(lambda m: as_layout(m, layout))
    agree(lambda m: as_layout(m, layout).to_dense())
    agree(lambda m: as_layout(m, layout, data=[[0.0, 0.0], [0.0, 0.0]]))


def test_compressed_constructors():
    agree(lambda m: m.sparse_csr_tensor([0, 2, 4], [0, 1, 0, 1], [1.0, 2, 3, 4]))
    agree(lambda m: m.sparse_csc_tensor([0, 1, 2], [0, 2], [1.0, 2]))
    agree(lambda m: m.sparse_bsr_tensor([0, 1, 2], [0, 1], m.ones(2, 2, 3)))
    agree(lambda m: m.sparse_bsc_tensor([0, 1, 2], [0, 1], m.ones(2, 2, 3)))
    agree(
        lambda m: m.sparse_compressed_tensor([0, 1, 2], [0, 1], m.ones(2), (2, 4), layout=m.sparse_csr, dtype=m.float64)
    )
    agree(
        lambda m: m.sparse_csr_tensor(
            m.tensor([0, 1, 2], dtype=m.int32), m.tensor([0, 1], dtype=m.int32), m.ones(2)
        ).crow_indices()
    )
    errors_agree(lambda m: m.sparse_compressed_tensor([0, 1, 2], [0, 1], m.ones(2)))


def test_batches_and_dense_dimensions():
    batch = [[[1.0, 0.0], [0.0, 2.0]], [[0.0, 3.0], [4.0, 0.0]]]
    agree(lambda m: m.tensor(batch).to_sparse_csr())
    agree(lambda m: m.tensor(batch).to_sparse_csr().to_dense())
    agree(lambda m: m.tensor(batch).to_sparse_csc(dense_dim=1))
    agree(lambda m: m.tensor(batch).to_sparse(2))
    agree(lambda m: m.tensor(batch).to_sparse_csr().to_sparse())


def test_zeros_in_a_layout():
    agree(lambda m: m.zeros(2, 3, layout=m.sparse_coo))
    agree(lambda m: m.zeros(2, 3, layout=m.sparse_csr))
    agree(lambda m: m.zeros_like(as_layout(m, "sparse_coo")))
    agree(lambda m: m.zeros_like(as_layout(m, "sparse_csr")))


def test_old_constructors():
    agree(lambda m: m.sparse.FloatTensor(m.tensor([[0, 1], [1, 0]]), m.ones(2), m.Size([2, 3])))
    agree(lambda m: (m.sparse.DoubleTensor(2, 3), m.sparse.LongTensor(m.tensor([[0, 1]]), m.tensor([1, 2]))))
    agree(lambda m: (isinstance(uncoalesced(m), m.sparse.FloatTensor), isinstance(m.ones(2), m.sparse.FloatTensor)))


def test_properties():
    names = ["is_sparse", "is_sparse_csr", "layout", "dtype", "shape", "device", "requires_grad", "is_leaf", "ndim"]
    for layout in LAYOUTS:
        agree(
            lambda m, layout=layout: [
                str(getattr(as_layout(m, layout), name)).replace("flambeau", "torch") for name in names
            ]
        )
    assert isinstance(uncoalesced(flambeau), flambeau.Tensor)
    assert flambeau.is_tensor(uncoalesced(flambeau))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_text(layout):
    agree(lambda m: repr(as_layout(m, layout)))
    agree(lambda m: repr(as_layout(m, layout, requires_grad=True)))
    agree(lambda m: repr(as_layout(m, layout).to(m.float64)))


def test_text_of_coo():
    agree(lambda m: repr(m.sparse_coo_tensor((2, 3))))
    agree(lambda m: repr(uncoalesced(m, requires_grad=True) * 2))
    agree(lambda m: repr(m.nn.Parameter(uncoalesced(m))))
    agree(lambda m: repr(m.eye(60).to_sparse(1)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_copies_and_pickles(layout):
    x = as_layout(flambeau, layout)
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x), x.clone(), x.detach()):
        assert y.layout is x.layout
        assert y.to_dense().tolist() == MATRIX


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("weights_only", [True, False])
def test_files_are_pytorchs(layout, weights_only):
    file = io.BytesIO()
    flambeau.save({"x": as_layout(flambeau, layout)}, file)
    for m in (flambeau, torch):
        file.seek(0)
        assert m.load(file, weights_only=weights_only)["x"].to_dense().tolist() == MATRIX
    file = io.BytesIO()
    torch.save(as_layout(torch, layout), file)
    file.seek(0)
    assert flambeau.load(file, weights_only=weights_only).to_dense().tolist() == MATRIX


def test_resizing():
    def resized(m):
        x = uncoalesced(m)
        x.sparse_resize_((5, 6), 2, 0)
        y = m.zeros(5, 6, layout=m.sparse_coo).resize_as_sparse_(m.zeros(3, 3, layout=m.sparse_coo))
        return x, y, uncoalesced(m).sparse_resize_and_clear_((2,), 1, 0)

    agree(resized)
    errors_agree(lambda m: uncoalesced(m).sparse_resize_((2, 4), 2, 0))


def test_sparse_mask():
    agree(lambda m: m.arange(16.0).reshape(4, 4).sparse_mask(as_layout(m, "sparse_coo")))
    agree(lambda m: m.arange(16.0).reshape(4, 4).sparse_mask(as_layout(m, "sparse_csr")))
    agree(lambda m: uncoalesced(m).sparse_mask(as_layout(m, "sparse_coo")))
    errors_agree(lambda m: m.ones(2, 2).sparse_mask(as_layout(m, "sparse_coo")))
