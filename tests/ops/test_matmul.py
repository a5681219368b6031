"""Matrix products against PyTorch: values, gradients, layouts, dtypes and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from tests.lazy.windows import lazy_only

import flambeau
import flambeau.nn.functional as F
from flambeau.lazy import window

torch = pytest.importorskip("torch")


def pair(array: np.ndarray, requires_grad: bool = False):
    """The same array as PyTorch's and flambeau's tensor."""
    return torch.tensor(array, requires_grad=requires_grad), flambeau.tensor(array, requires_grad=requires_grad)


def randoms(*shapes, dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def check(theirs, ours, *shapes):
    """Both functions agree on random inputs, and so do their gradients."""
    made = [pair(a, True) for a in randoms(*shapes)]
    expected, result = theirs(*[t for t, _ in made]), ours(*[f for _, f in made])
    assert tuple(result.shape) == tuple(expected.shape)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), atol=1e-12)
    (expected.sin().sum()).backward()
    (result.sin().sum()).backward()
    for t, f in made:
        np.testing.assert_allclose(f.grad.numpy(), t.grad.numpy(), atol=1e-11)


@pytest.mark.parametrize(
    "left, right",
    [
        ((3, 4), (4, 5)),
        ((4,), (4,)),
        ((3, 4), (4,)),
        ((4,), (4, 5)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
        ((2, 0, 4), (4, 3)),
    ],
)
def test_matmul_takes_vectors_matrices_and_batches(left, right):
    check(torch.matmul, flambeau.matmul, left, right)


def test_the_operator_at_sign():
    check(lambda a, b: a @ b, lambda a, b: a @ b, (3, 4), (4, 2))
    with pytest.raises(TypeError):
        flambeau.ones(2, 2) @ 3


@pytest.mark.parametrize(
    "name, shapes",
    [
        ("mm", ((3, 4), (4, 5))),
        ("bmm", ((2, 3, 4), (2, 4, 5))),
        ("mv", ((3, 4), (4,))),
        ("dot", ((5,), (5,))),
        ("vdot", ((5,), (5,))),
        ("outer", ((3,), (4,))),
        ("inner", ((2, 3), (4, 3))),
        ("kron", ((2, 3), (3, 2))),
    ],
)
def test_products_and_their_gradients(name, shapes):
    check(getattr(torch, name), getattr(flambeau, name), *shapes)


@pytest.mark.parametrize(
    "name, shapes",
    [
        ("addmm", ((3, 5), (3, 4), (4, 5))),
        ("addmm", ((5,), (3, 4), (4, 5))),
        ("addmv", ((3,), (3, 4), (4,))),
        ("addr", ((3, 4), (3,), (4,))),
        ("baddbmm", ((2, 3, 5), (2, 3, 4), (2, 4, 5))),
        ("addbmm", ((3, 5), (2, 3, 4), (2, 4, 5))),
    ],
)
@pytest.mark.parametrize("factors", [{}, {"beta": 0.5}, {"alpha": -2.0}, {"beta": 0, "alpha": 3}])
def test_sums_of_a_tensor_and_a_product(name, shapes, factors):
    check(lambda *a: getattr(torch, name)(*a, **factors), lambda *a: getattr(flambeau, name)(*a, **factors), *shapes)


def test_beta_zero_ignores_nan():
    start = flambeau.full((2, 2), float("nan"))
    result = flambeau.addmm(start, flambeau.ones(2, 3), flambeau.ones(3, 2), beta=0)
    assert result.tolist() == [[3, 3], [3, 3]]


@lazy_only
def test_transposed_operands_are_not_copied():
    """A transposed operand reaches the product as a strided view: one instruction is recorded, not a copy and a product."""
    a, b = flambeau.ones(4, 3), flambeau.ones(4, 5)
    flambeau.mm(a.t(), b).numpy()  # the signature is known from here on
    before = len(window.current.code)
    result = flambeau.mm(a.t(), b)
    assert len(window.current.code) - before == 1
    assert result.tolist() == [[4.0] * 5] * 3


def test_operands_with_any_strides():
    (x, y), (u, v) = (pair(a) for a in randoms((6, 8), (8, 6)))
    expected = x[::2, 1::3] @ u.t()[::3, ::2].t()[:3]
    result = y[::2, 1::3] @ v.t()[::3, ::2].t()[:3]
    np.testing.assert_allclose(result.numpy(), expected.numpy(), atol=1e-12)
    expected = torch.bmm(x.expand(3, 6, 8), u.expand(3, 8, 6))
    np.testing.assert_allclose(flambeau.bmm(y.expand(3, 6, 8), v.expand(3, 8, 6)).numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "int64", "complex64", "complex128"])
def test_dtypes(dtype):
    rng = np.random.default_rng(1)
    a, b = rng.integers(-3, 4, (5, 6)), rng.integers(-3, 4, (6, 4))
    expected = torch.tensor(a).to(getattr(torch, dtype)) @ torch.tensor(b).to(getattr(torch, dtype))
    result = flambeau.tensor(a).to(getattr(flambeau, dtype)) @ flambeau.tensor(b).to(getattr(flambeau, dtype))
    assert result.dtype is getattr(flambeau, dtype)
    assert result.tolist() == expected.tolist()


def test_half_products_are_rounded_once():
    """4096 + 1 is lost where every addition is rounded to float16 (11 bits); in float32 it counts."""
    row = flambeau.tensor([[4096.0] + [1.0] * 8], dtype=flambeau.float16)
    assert (row @ flambeau.ones(9, 1, dtype=flambeau.float16)).item() == 4104.0


def test_nan_and_infinity_go_through():
    a = np.array([[np.inf, 1.0], [np.nan, 0.0]])
    np.testing.assert_array_equal(
        (flambeau.tensor(a) @ flambeau.ones(2, 2, dtype=flambeau.float64)).numpy(),
        (torch.tensor(a) @ torch.ones(2, 2, dtype=torch.float64)).numpy(),
    )


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda m: m.mm(m.ones(2, 3), m.ones(2, 3)), RuntimeError),
        (lambda m: m.mm(m.ones(2), m.ones(2, 3)), RuntimeError),
        (lambda m: m.bmm(m.ones(2, 3, 4), m.ones(3, 4, 5)), RuntimeError),
        (lambda m: m.matmul(m.ones(()), m.ones(3)), RuntimeError),
        (lambda m: m.matmul(m.ones(2, 3, 4), m.ones(3, 4, 5)), RuntimeError),
        (lambda m: m.mm(m.ones(2, 2), m.ones(2, 2, dtype=m.float64)), RuntimeError),
        (lambda m: m.mm(m.ones(2, 2, dtype=m.bool), m.ones(2, 2, dtype=m.bool)), NotImplementedError),
        (lambda m: m.dot(m.ones(2), m.ones(3)), RuntimeError),
        (lambda m: m.addmm(m.ones(3, 3), m.ones(2, 2), m.ones(2, 2)), RuntimeError),
        (lambda m: m.nn.functional.linear(m.ones(2, 3), m.ones(4, 2)), RuntimeError),
        (lambda m: m.nn.functional.linear(m.ones(2, 3), None), TypeError),
        (lambda m: m.nn.functional.linear(m.ones(2, 3), m.ones(4, 3, dtype=m.float16)), RuntimeError),
        (lambda m: m.addmm(m.ones(2, 2), m.ones(2, 2, dtype=m.float16), m.ones(2, 2)), RuntimeError),
        (lambda m: m.einsum("ij,jk->il", m.ones(2, 2), m.ones(2, 2)), RuntimeError),
    ],
)
def test_refusals_are_of_pytorchs_type(call, error):
    for module in (torch, flambeau):
        with pytest.raises(error):
            call(module)


@pytest.mark.parametrize("input_shape", [(5, 4), (2, 3, 4), (4,), (0, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(input_shape, bias):
    shapes = [input_shape, (6, 4)] + [(6,)] * bias
    check(torch.nn.functional.linear, F.linear, *shapes)


@lazy_only
def test_linear_is_one_instruction_each_way():
    x, w, b = flambeau.ones(5, 4), flambeau.ones(6, 4, requires_grad=True), flambeau.ones(6, requires_grad=True)
    F.linear(x, w, b).sum().backward()
    grad = flambeau.ones(5, 6)
    w.grad.numpy()
    before = len(window.current.code)
    result = F.linear(x, w, b)
    assert len(window.current.code) - before == 1
    flambeau.autograd.grad(result, (w, b), grad)
    assert len(window.current.code) - before == 2


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("ij,jk->ik", ((2, 3), (3, 4))),
        ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))),
        ("ii->i", ((3, 3),)),
        ("ii", ((3, 3),)),
        ("ij->ji", ((2, 3),)),
        ("i,j->ij", ((2,), (3,))),
        ("...ij,...jk->...ik", ((2, 1, 3, 4), (5, 4, 2))),
        ("ij,j,jk->ik", ((2, 3), (3,), (3, 4))),
        ("ij,ij->", ((2, 3), (2, 3))),
        ("b i d , b j d -> b i j", ((2, 3, 4), (2, 5, 4))),
        ("ab,c->ba", ((2, 3), (4,))),
    ],
)
def test_einsum(equation, shapes):
    check(lambda *a: torch.einsum(equation, *a), lambda *a: flambeau.einsum(equation, *a), *shapes)


def test_einsum_with_lists_of_labels():
    (x, y), (u, v) = (pair(a) for a in randoms((2, 3), (3, 4)))
    np.testing.assert_allclose(
        flambeau.einsum(y, [0, 1], v, [1, 2], [2, 0]).numpy(), torch.einsum(x, [0, 1], u, [1, 2], [2, 0]).numpy()
    )


@pytest.mark.parametrize("dims", [0, 1, 2, ([1], [0]), ([2, 0], [1, 2])])
def test_tensordot(dims):
    shapes = {0: ((2, 3), (4,)), 1: ((2, 3), (3, 4)), 2: ((2, 3, 4), (3, 4, 5))}
    chosen = (
        shapes[dims] if isinstance(dims, int) else ((2, 3), (3, 4)) if len(dims[0]) == 1 else ((2, 3, 4), (5, 4, 2))
    )
    check(lambda a, b: torch.tensordot(a, b, dims), lambda a, b: flambeau.tensordot(a, b, dims), *chosen)


def test_chain_matmul_is_the_product():
    check(torch.chain_matmul, flambeau.chain_matmul, (2, 7), (7, 3), (3, 5), (5, 1))


def test_complex_gradients():
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in ((3, 4), (4, 2)))
    made = [pair(x, True) for x in (a, b)]
    torch.matmul(*[t for t, _ in made]).abs().sum().backward()
    flambeau.matmul(*[f for _, f in made]).abs().sum().backward()
    for t, f in made:
        np.testing.assert_allclose(f.grad.numpy(), t.grad.numpy(), atol=1e-12)


def test_second_derivatives():
    def second(module, a, b):
        y = (a @ b).sin().sum()
        (first,) = module.autograd.grad(y, a, create_graph=True)
        return module.autograd.grad((first * first).sum(), b)[0]

    (x, y), (u, v) = (pair(a, True) for a in randoms((3, 4), (4, 2)))
    np.testing.assert_allclose(second(flambeau, y, v).numpy(), second(torch, x, u).numpy(), atol=1e-11)


def test_writing_in_place_and_to_out():
    start, a, b = flambeau.ones(2, 2), flambeau.full((2, 3), 2.0), flambeau.ones(3, 2)
    assert start.addmm_(a, b, beta=2, alpha=0.5).tolist() == [[5, 5], [5, 5]]
    out = flambeau.empty(0)
    assert flambeau.mm(a, b, out=out) is out
    assert out.tolist() == [[6, 6], [6, 6]]


@pytest.mark.parametrize("dtype", ["bool", "uint16", "float32"])
@pytest.mark.parametrize("sizes", [(0, 3, 2), (2, 0, 3), (2, 3, 0)])
def test_products_without_elements_are_there_in_every_dtype(dtype, sizes):
    m, k, n = sizes
    x, y = (flambeau.zeros(*size, dtype=getattr(flambeau, dtype)) for size in ((m, k), (k, n)))
    expected = torch.zeros(m, k, dtype=getattr(torch, dtype)) @ torch.zeros(k, n, dtype=getattr(torch, dtype))
    assert tuple((x @ y).shape) == tuple(expected.shape)
    assert (x @ y).tolist() == expected.tolist()


@pytest.mark.parametrize("factor", [0.5, 0, 1, False, True, 2, np.float32(0.5)])
def test_kinds_of_factors(factor):
    """True is 1 also where False was given before."""

    def results(m):
        a, b = m.arange(4.0).reshape(2, 2), m.ones(2, 2)
        m.addmm(a, b, a, alpha=False, beta=False)
        return m.addmm(a, b, a, alpha=factor).tolist(), m.addmm(a, b, a, beta=factor).tolist()

    assert results(flambeau) == results(torch)


@pytest.mark.parametrize("matrix", ["int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("vector", ["int64", "float32", "complex64"])
def test_addr_promotes(matrix, vector):
    def result(m):
        made = m.addr(m.ones(2, 3, dtype=getattr(m, matrix)), m.ones(2, dtype=getattr(m, vector)), m.arange(3))
        return made.tolist(), str(made.dtype)

    assert result(flambeau) == result(torch)
