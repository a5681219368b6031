"""Gradients with respect to values, sparse leaves and dense operands; sparse gradients of embeddings and the optimizers that take them."""

from __future__ import annotations

import pytest

import flambeau

from .oracle import agree, as_layout, errors_agree, torch, uncoalesced

INDICES = [[2, 0, 2, 0], [1, 2, 1, 0]]
DENSE = [[1.0, -2.0, 0.5], [3.0, 0.0, 1.5], [-1.0, 2.0, 2.5], [0.25, 4.0, -3.0]]


def leaves(m):
    """Values and a dense matrix that require gradients."""
    return m.tensor([1.0, -2.0, 3.0, 0.5]).requires_grad_(), m.tensor(DENSE).requires_grad_()


@pytest.mark.parametrize("program", [
    lambda m, s, d: m.sparse.mm(s, d), lambda m, s, d: m.sparse.mm(s.coalesce(), d), lambda m, s, d: m.mm(s, d).relu(),
    lambda m, s, d: s.to_dense() @ d, lambda m, s, d: (s * 2 + s) @ d, lambda m, s, d: m.sparse.mm(s, m.sparse.mm(s, d)),
    lambda m, s, d: m.addmm(d, s, d), lambda m, s, d: s.t() @ d, lambda m, s, d: m.sparse.sum(s, 0).to_dense() * d[:, 0],
    lambda m, s, d: m.sparse.softmax(s, 1).to_dense() @ d, lambda m, s, d: m.sparse.log_softmax(s, 0).to_dense() @ d,
    lambda m, s, d: s.coalesce().values() * 3 + d.sum(), lambda m, s, d: (m.sparse.mm(s, s)).to_dense() @ d,
])  # fmt: skip
def test_values_and_dense_operands(program):
    def gradients(m):
        values, dense = leaves(m)
        result = program(m, m.sparse_coo_tensor(m.tensor(INDICES), values, (4, 4)), dense)
        (result * result).sum().backward()
        return result, values.grad, dense.grad

    agree(gradients)


@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr"])
def test_sparse_leaves(layout):
    def gradients(m):
        x, dense = as_layout(m, layout, requires_grad=True), m.tensor(DENSE).requires_grad_()
        m.sparse.mm(x, dense).pow(2).sum().backward()
        return x.grad, dense.grad

    agree(gradients)


def test_gradients_of_values_of_compressed_tensors():
    def gradient(m):
        values = m.tensor([1.0, 2.0, 3.0]).requires_grad_()
        x = m.sparse_csr_tensor(m.tensor([0, 2, 3]), m.tensor([0, 1, 1]), values, (2, 2))
        x.to_dense().pow(2).sum().backward()
        return values.grad

    agree(gradient)


def test_grad_of_sparse_inputs():
    def gradients(m):
        x = as_layout(m, "sparse_coo", requires_grad=True)
        return m.autograd.grad(m.sparse.mm(x, m.tensor(DENSE)).sum(), [x])

    agree(gradients)


def test_gradients_that_are_sparse_enter_backward():
    x = as_layout(flambeau, "sparse_coo", requires_grad=True)
    (x * 3).backward(as_layout(flambeau, "sparse_coo"))
    assert x.grad.is_sparse
    assert flambeau.allclose(x.grad.to_dense(), x.detach().to_dense() * 3)


def test_hooks_see_sparse_gradients():
    x = as_layout(flambeau, "sparse_coo", requires_grad=True)
    x.register_hook(lambda grad: grad * 2)
    x.to_dense().sum().backward()
    assert x.grad.coalesce().values().tolist() == [2.0] * 7


def test_second_derivatives():
    indices, dense = flambeau.tensor(INDICES), flambeau.tensor(DENSE, dtype=flambeau.float64)
    values = flambeau.tensor([1.0, -2.0, 3.0, 0.5], dtype=flambeau.float64)

    def product(v, d):
        return flambeau.sparse.mm(flambeau.sparse_coo_tensor(indices, v, (4, 4)), d)

    inputs = (values.requires_grad_(), dense.requires_grad_())
    assert flambeau.autograd.gradcheck(product, inputs)
    assert flambeau.autograd.gradgradcheck(product, inputs)


def test_gradcheck_of_sparse_inputs():
    check = flambeau.sparse.as_sparse_gradcheck(flambeau.autograd.gradcheck)
    x = as_layout(flambeau, "sparse_csr").to(flambeau.float64).requires_grad_()
    assert check(lambda s: flambeau.sparse.mm(s, flambeau.tensor(DENSE, dtype=flambeau.float64)), (x,), masked=True)


def test_a_function_that_keeps_a_sparse_tensor():
    """As graph attention layers are often written."""

    def gradients(m):
        class Product(m.autograd.Function):
            @staticmethod
            def forward(ctx, indices, values, shape, dense):
                a = m.sparse_coo_tensor(indices, values, shape)
                ctx.save_for_backward(a, dense)
                return m.matmul(a, dense)

            @staticmethod
            def backward(ctx, grad):
                a, dense = ctx.saved_tensors
                places = a._indices()[0] * a.shape[1] + a._indices()[1]
                return None, grad.matmul(dense.t()).view(-1)[places], None, a.t().matmul(grad)

        values, dense = leaves(m)
        Product.apply(m.tensor(INDICES), values, (4, 4), dense).pow(2).sum().backward()
        return values.grad, dense.grad

    agree(gradients)


def test_a_module_with_a_sparse_buffer():
    def trained(m):
        class Layer(m.nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("adjacency", uncoalesced(m).coalesce())
                self.weight = m.nn.Parameter(m.tensor(DENSE))

            def forward(self):
                return (self.adjacency @ self.weight).relu()

        layer = Layer().to(m.float64)
        optimizer = m.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            layer().pow(2).sum().backward()
            optimizer.step()
        return layer.weight, list(layer.state_dict()), layer.state_dict()["adjacency"]

    agree(trained)


def test_writing_in_place_obeys_the_rules_of_leaves():
    errors_agree(lambda m: as_layout(m, "sparse_coo", requires_grad=True).mul_(2))

    def written(m):
        x = as_layout(m, "sparse_coo", requires_grad=True)
        with m.no_grad():
            x.mul_(2)
        x.to_dense().pow(2).sum().backward()
        return x.requires_grad, x.is_leaf, x.grad

    agree(written)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("first", ["sparse", "dense"])
def test_a_sparse_and_a_dense_gradient_make_a_dense_one(first, create_graph):
    def accumulated(m):
        weight = m.tensor(DENSE).requires_grad_()
        losses = {
            "sparse": lambda: m.nn.functional.embedding(m.tensor([2, 0, 2]), weight, sparse=True).sum(),
            "dense": lambda: (weight * weight).sum(),
        }
        losses[first]().backward(create_graph=create_graph)
        losses["dense" if first == "sparse" else "sparse"]().backward(create_graph=create_graph)
        return weight.grad

    agree(accumulated)


def test_complex_gradients_are_conjugated():
    def gradients(m):
        values = m.tensor([1 + 2j, 2 - 1j, 3j, 1.0]).requires_grad_()
        dense = m.tensor([[1j, 2], [3, 4j], [1, 1 + 1j], [0, 2j]]).requires_grad_()
        m.sparse.mm(m.sparse_coo_tensor(m.tensor(INDICES), values, (4, 4)), dense).abs().pow(2).sum().backward()
        return values.grad, dense.grad

    agree(gradients)


def test_transformations_of_functions():
    a, dense = as_layout(flambeau, "sparse_coo"), flambeau.tensor(DENSE)
    derivative = flambeau.func.grad(lambda d: flambeau.sparse.mm(a, d).pow(2).sum())(dense)
    assert flambeau.allclose(derivative, 2 * a.to_dense().t() @ (a.to_dense() @ dense))
    assert flambeau.allclose(flambeau.func.jvp(lambda d: a @ d, (dense,), (dense,))[1], a.to_dense() @ dense)
    assert flambeau.allclose(flambeau.func.vmap(lambda v: a @ v)(dense.t()), (a.to_dense() @ dense).t())
    with pytest.raises(NotImplementedError, match="vmap or forward mode"):
        flambeau.func.jvp(
            lambda v: flambeau.sparse_coo_tensor([[0, 1]], v, (2,)).to_dense(), (dense[0, :2],), (dense[0, :2],)
        )


def test_functions_of_users_refuse_sparse_arguments_that_require_grad():
    class Double(flambeau.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.to_dense()

    with pytest.raises(NotImplementedError, match="sparse argument"):
        Double.apply(as_layout(flambeau, "sparse_coo", requires_grad=True))


# -- embeddings ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [None, 1])
def test_embedding_gradients_are_sparse(padding):
    def gradients(m):
        weight, words = m.tensor(DENSE).requires_grad_(), m.tensor([[1, 3], [3, 2]])
        m.nn.functional.embedding(words, weight, padding_idx=padding, sparse=True).pow(2).sum().backward()
        first = weight.grad.clone()
        m.nn.functional.embedding(words[0], weight, sparse=True).sum().backward()
        return first, weight.grad

    agree(gradients)


def test_dense_and_sparse_gradients_of_one_weight():
    def gradient(m):
        weight = m.tensor(DENSE).requires_grad_()
        (m.nn.functional.embedding(m.tensor([0, 1]), weight, sparse=True).sum() + weight.pow(2).sum()).backward()
        return weight.grad

    agree(gradient)


def test_embedding_bag():
    def gradient(m):
        weight = m.tensor(DENSE).requires_grad_()
        m.nn.functional.embedding_bag(m.tensor([0, 1, 1, 3]), weight, m.tensor([0, 2]), mode="mean", sparse=True).pow(
            2
        ).sum().backward()
        return weight.grad

    agree(gradient)


@pytest.mark.parametrize("name, options", [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    ("SparseAdam", {"lr": 0.1}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "maximize": True}),
])  # fmt: skip
def test_optimizers(name, options):
    def trained(m):
        weight = m.nn.Parameter(m.tensor(DENSE))
        optimizer = getattr(m.optim, name)([weight], **options)
        for step in range(4):
            optimizer.zero_grad()
            m.nn.functional.embedding(m.tensor([step, 1, 1, 3]), weight, sparse=True).pow(2).sum().backward()
            optimizer.step()
        return weight

    agree(trained)


@pytest.mark.parametrize("name", ["Adam", "RMSprop"])
def test_optimizers_that_take_no_sparse_gradients(name):
    def train(m):
        weight = m.nn.Parameter(m.tensor(DENSE))
        m.nn.functional.embedding(m.tensor([0, 1]), weight, sparse=True).sum().backward()
        getattr(m.optim, name)([weight]).step()

    errors_agree(train)


def test_sparse_adam_takes_no_dense_gradients():
    weight = flambeau.nn.Parameter(flambeau.ones(2))
    weight.sum().backward()
    with pytest.raises(RuntimeError, match="dense gradients"):
        flambeau.optim.SparseAdam([weight]).step()
    assert torch.optim.SparseAdam is not None
