"""Operators on sparse tensors against PyTorch: values, layouts, gradients, refusals."""

from __future__ import annotations

import pytest

import flambeau

from .oracle import LAYOUTS, MATRIX, agree, as_layout, errors_agree, uncoalesced

UNARY = ["abs", "asin", "atan", "ceil", "erf", "expm1", "floor", "isinf", "isnan", "log1p", "neg", "relu", "round", "sgn",
         "sign", "signbit", "sin", "sinh", "sqrt", "tan", "tanh", "trunc", "deg2rad", "frac", "square"]  # fmt: skip
DENSE = [[1.0, -2.0, 0.5], [3.0, 0.0, 1.5], [-1.0, 2.0, 2.5], [0.25, 4.0, -3.0]]


@pytest.mark.parametrize("name", UNARY)
def test_functions_that_keep_zeros(name):
    agree(lambda m: getattr(m, name)(uncoalesced(m)))
    if name != "square":  # PyTorch has it for COO tensors only
        agree(lambda m: getattr(m, name)(as_layout(m, "sparse_csr")))


def test_functions_in_place():
    agree(lambda m: uncoalesced(m).coalesce().sin_())
    errors_agree(lambda m: uncoalesced(m).sin_())


@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr"])
def test_arithmetic(layout):
    dense = [[float(4 * i + j) for j in range(4)] for i in range(4)]
    for program in (
        lambda m, x: x * 2,
        lambda m, x: 2 * x,
        lambda m, x: x * m.tensor(2.0),
        lambda m, x: x * x,
        lambda m, x: x * m.tensor(dense),
        lambda m, x: x + x,
        lambda m, x: x + x * -3,
        lambda m, x: m.add(x, x, alpha=3),
        lambda m, x: m.tensor(dense) + x,
        lambda m, x: -x,
    ):
        agree(lambda m, program=program: program(m, as_layout(m, layout)))


def test_sums_and_products_of_different_patterns():
    agree(lambda m: (m.full((4, 4), 3.0) * uncoalesced(m), uncoalesced(m) / 2, uncoalesced(m) - uncoalesced(m) * 3))
    agree(lambda m: uncoalesced(m) + as_layout(m, "sparse_coo"))
    agree(lambda m: (uncoalesced(m) * as_layout(m, "sparse_coo")).to_dense())
    agree(lambda m: m.ones(4, 4) - uncoalesced(m))
    agree(lambda m: m.ones(4, 4).add_(uncoalesced(m), alpha=-0.5))
    agree(lambda m: uncoalesced(m).add_(as_layout(m, "sparse_coo")))
    agree(lambda m: uncoalesced(m).mul_(3).div_(2))
    agree(lambda m: (as_layout(m, "sparse_coo") ** 2, as_layout(m, "sparse_coo") // 2))
    agree(lambda m: uncoalesced(m).zero_()._nnz())


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "complex64", "bool"])
def test_dtypes(dtype):
    agree(lambda m: uncoalesced(m).to(getattr(m, dtype)).coalesce().to_dense())
    if dtype not in ("bool", "float16"):
        agree(lambda m: uncoalesced(m).to(getattr(m, dtype)) @ m.tensor(DENSE).to(getattr(m, dtype)))


@pytest.mark.parametrize("program", [
    lambda s: s + 1, lambda s: 1 - s, lambda s: s.exp(), lambda s: s.max(), lambda s: s == s, lambda s: s > 0, lambda s: s.mean(),
    lambda s: s.numpy(), lambda s: s.tolist(), lambda s: s.view(16), lambda s: s.reshape(16), lambda s: s.fill_(1), lambda s: s.cumsum(0),
    lambda s: s / s, lambda s: s.softmax(1), lambda s: s.expand(2, 4, 4), lambda s: s.item(), lambda s: s.contiguous(),
    lambda s: s + s.to_dense(), lambda s: s.nbytes, lambda s: s.data_ptr(), lambda s: s.sort(), lambda s: s.unique(),
])  # fmt: skip
def test_what_has_no_rule_is_refused(program):
    errors_agree(lambda m: program(as_layout(m, "sparse_coo")))


# -- shapes --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [
    lambda m, x: x.t(), lambda m, x: x.transpose(0, 1), lambda m, x: x.T, lambda m, x: x.permute(1, 0), lambda m, x: x.unsqueeze(0),
    lambda m, x: x.unsqueeze(2), lambda m, x: x[0], lambda m, x: x[1, 3], lambda m, x: x[:, 2], lambda m, x: x.select(1, -1),
    lambda m, x: m.index_select(x, 0, m.tensor([3, 0, 3])), lambda m, x: x.narrow_copy(1, 1, 2), lambda m, x: m.cat([x, x], 0),
    lambda m, x: m.cat([x, x], 1), lambda m, x: m.stack([x, x]), lambda m, x: list(x), lambda m, x: x.unbind(1), lambda m, x: len(x),
])  # fmt: skip
def test_shapes(program):
    agree(lambda m: program(m, as_layout(m, "sparse_coo")))
    agree(lambda m: program(m, uncoalesced(m)))


def test_shapes_of_hybrid_tensors():
    def hybrid(m):
        return m.sparse_coo_tensor([[0, 0, 2]], m.arange(6.0).reshape(3, 2), (3, 2))

    agree(
        lambda m: (
            hybrid(m),
            hybrid(m)[0],
            hybrid(m).select(1, 1),
            m.cat([hybrid(m), hybrid(m)], 1),
            hybrid(m).unsqueeze(2),
        )
    )
    agree(
        lambda m: (m.sparse.sum(hybrid(m), 0), m.sparse.sum(hybrid(m), 1), hybrid(m).to_dense(), (hybrid(m) * 2).sum())
    )


def test_transposed_compressed():
    agree(lambda m: as_layout(m, "sparse_csr").t())
    agree(lambda m: as_layout(m, "sparse_csc").transpose(0, 1).to_sparse_csr())


# -- reductions ----------------------------------------------------------------------------------------------------------------


def test_reductions():
    agree(
        lambda m: (
            uncoalesced(m).sum(),
            uncoalesced(m).norm(),
            uncoalesced(m).norm(1),
            as_layout(m, "sparse_csr").sum(),
        )
    )
    agree(
        lambda m: (
            m.sparse.sum(uncoalesced(m), 0),
            m.sparse.sum(uncoalesced(m), 1),
            m.sparse.sum(uncoalesced(m), (0, 1)),
        )
    )
    agree(lambda m: m.sparse.sum(uncoalesced(m), dtype=m.float64))
    agree(lambda m: as_layout(m, "sparse_csr").sum(1, keepdim=True))


@pytest.mark.parametrize("dim", [0, 1])
def test_softmax(dim):
    agree(lambda m: m.sparse.softmax(uncoalesced(m), dim))
    agree(lambda m: m.sparse.log_softmax(as_layout(m, "sparse_coo"), dim, dtype=m.float64))


# -- products ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sparse_times_dense(layout):
    dense = flambeau.tensor(DENSE)
    x, plain = as_layout(flambeau, layout), flambeau.tensor(MATRIX)
    for a, b in (
        (x @ dense, plain @ dense),
        (dense.t() @ x, dense.t() @ plain),
        (x.mv(dense[:, 0]), plain.mv(dense[:, 0])),
    ):
        assert a.layout is flambeau.strided
        assert flambeau.allclose(a, b)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sparse_times_sparse(layout):
    x, plain = as_layout(flambeau, layout), flambeau.tensor(MATRIX)
    assert flambeau.allclose((x @ x).to_dense(), plain @ plain)


@pytest.mark.parametrize("program", [
    lambda m, a, d: m.mm(a, d), lambda m, a, d: m.sparse.mm(a, d), lambda m, a, d: m.spmm(a, d), lambda m, a, d: a @ d[:, 0],
    lambda m, a, d: m.addmm(m.ones(4, 3), a, d, beta=2, alpha=0.5), lambda m, a, d: m.sparse.addmm(m.ones(4, 3), a, d),
    lambda m, a, d: m.mm(d.t(), a), lambda m, a, d: m.nn.functional.linear(d.t(), a.t()), lambda m, a, d: m.sparse.mm(a, a).to_dense(),
])  # fmt: skip
def test_products(program):
    for make in (uncoalesced, lambda m: as_layout(m, "sparse_coo"), lambda m: as_layout(m, "sparse_csr")):
        agree(lambda m, make=make: program(m, make(m), m.tensor(DENSE)))


def test_older_products():
    agree(lambda m: (m.smm(uncoalesced(m), m.tensor(DENSE)).to_dense(), m.dsmm(uncoalesced(m), m.tensor(DENSE))))
    agree(
        lambda m: (
            m.hspmm(uncoalesced(m), m.tensor(DENSE)).to_dense(),
            m.hsmm(uncoalesced(m), m.tensor(DENSE)).to_dense(),
        )
    )
    agree(lambda m: m.sspaddmm(m.ones(4, 3).to_sparse(), uncoalesced(m), m.tensor(DENSE), beta=2, alpha=3).to_dense())


def test_batches_of_products():
    agree(lambda m: m.bmm(m.stack([uncoalesced(m), as_layout(m, "sparse_coo")]), m.arange(24.0).reshape(2, 4, 3)))


def test_long_and_empty_rows():
    """Rows of more than one block of registers, of one element, and results without entries."""
    for width in (1, 7, 64, 200):
        dense = flambeau.randn(4, width)
        assert flambeau.allclose(uncoalesced(flambeau) @ dense, uncoalesced(flambeau).to_dense() @ dense, atol=1e-5)
    assert (flambeau.zeros(2, 3, layout=flambeau.sparse_coo) @ flambeau.ones(3, 5)).tolist() == [[0.0] * 5] * 2
    assert tuple((flambeau.zeros(0, 3, layout=flambeau.sparse_coo) @ flambeau.ones(3, 5)).shape) == (0, 5)
    assert tuple((uncoalesced(flambeau) @ flambeau.ones(4, 0)).shape) == (4, 0)


@pytest.mark.parametrize("reduce", ["sum", "mean", "amax", "amin", "max", "min"])
def test_reduced_products(reduce):
    agree(lambda m: m.sparse.mm(as_layout(m, "sparse_csr"), m.tensor(DENSE), reduce))


def test_products_that_do_not_fit():
    errors_agree(lambda m: uncoalesced(m) @ m.ones(3, 3))
    errors_agree(lambda m: m.mv(uncoalesced(m), m.ones(3)))


def test_sampled_addmm_and_spdiags():
    agree(
        lambda m: m.sparse.sampled_addmm(
            as_layout(m, "sparse_csr"), m.tensor(DENSE), m.tensor(DENSE).t(), beta=0.5, alpha=2.0
        )
    )
    agree(lambda m: m.sparse.spdiags(m.arange(9.0).reshape(3, 3), m.tensor([0, -1, 2]), (3, 3)))
    agree(lambda m: m.sparse.spdiags(m.arange(3.0), m.tensor([1]), (4, 3), layout=m.sparse_csr))
    errors_agree(lambda m: m.sparse.spdiags(m.ones(2, 3), m.tensor([0, 0]), (3, 3)))


def test_indices_changed_in_place_are_seen():
    indices = flambeau.tensor([[0, 1], [1, 0]])
    x = flambeau.sparse_coo_tensor(indices, [1.0, 2.0], (2, 2))
    before = x @ flambeau.tensor([[1.0], [10.0]])
    indices[1] = 0
    assert before.tolist() == [[10.0], [2.0]]
    assert (x @ flambeau.tensor([[1.0], [10.0]])).tolist() == [[1.0], [2.0]]
