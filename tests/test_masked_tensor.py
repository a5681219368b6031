"""``torch.masked.masked_tensor`` against PyTorch."""

from __future__ import annotations

import pytest

import flambeau
import flambeau.masked

torch = pytest.importorskip("torch")
pytest.importorskip("torch.masked")
pytestmark = pytest.mark.filterwarnings("ignore")
MASK = [[True, False, True], [False, True, False]]


def made(m, dtype="float32", requires_grad=False):
    data = (m.arange(6.0).reshape(2, 3) * 0.3 + 0.1).to(getattr(m, dtype))
    return m.masked.masked_tensor(data, m.tensor(MASK), requires_grad)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: x,
        lambda m, x: x.sin(),
        lambda m, x: m.exp(x),
        lambda m, x: -x,
        lambda m, x: x + x,
        lambda m, x: x * 2 + 1,
        lambda m, x: 1 / x,
        lambda m, x: x - m.ones(2, 3),
        lambda m, x: x.pow(2),
        lambda m, x: x > 0.5,
        lambda m, x: m.maximum(x, x * 0.5),
        lambda m, x: x.sum(),
        lambda m, x: m.sum(x, 1),
        lambda m, x: x.mean(0),
        lambda m, x: x.amax(1, keepdim=True),
        lambda m, x: x.amin(0),
        lambda m, x: x.argmax(1),
        lambda m, x: x.prod(1),
        lambda m, x: x.std(),
        lambda m, x: x.var(0),
        lambda m, x: (x > 0.5).all(),
        lambda m, x: m.nn.functional.softmax(x, 1),
        lambda m, x: m.where(m.tensor(MASK), x, x * 2),
        lambda m, x: x[0],
        lambda m, x: x[0, 1],
        lambda m, x: x.reshape(3, 2),
        lambda m, x: x.unsqueeze(0),
        lambda m, x: x.expand(2, 2, 3),
        lambda m, x: m.cat([x, x]),
        lambda m, x: x.chunk(2)[1],
        lambda m, x: x.to(m.float64),
        lambda m, x: x.clone(),
        lambda m, x: m.ones_like(x),
    ],
)
def test_operators(call):
    found, expected = call(flambeau, made(flambeau)), call(torch, made(torch))
    assert type(found).__name__ == type(expected).__name__ == "MaskedTensor"
    assert found.get_mask().tolist() == expected.get_mask().tolist()
    assert str(found.dtype) == str(expected.dtype)
    assert str(found) == str(expected)


@pytest.mark.parametrize("dtype", ["int64", "bool", "float16"])
def test_dtypes_are_printed(dtype):
    assert str(made(flambeau, dtype)) == str(made(torch, dtype))


def test_gradients():
    def run(m):
        x = made(m, requires_grad=True)
        (x.exp() * 2).sum().backward()
        return [
            str(x.grad),
            x.is_leaf,
            x.get_data().requires_grad,
            x.to_tensor(9.0).tolist(),
            float(x.sum()),
            bool(x.sum()),
        ]

    assert run(flambeau) == run(torch)


def test_as_masked_tensor_keeps_the_graph():
    x = flambeau.arange(6.0).reshape(2, 3).requires_grad_()
    flambeau.masked.as_masked_tensor(x * 2, flambeau.tensor(MASK)).sum().backward()
    assert x.grad.tolist() == [[2.0, 0.0, 2.0], [0.0, 2.0, 0.0]]  # PyTorch's gradient carries the mask
    assert not flambeau.masked.is_masked_tensor(x)
    assert flambeau.masked.is_masked_tensor(made(flambeau))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.masked.masked_tensor(m.ones(2, 3), m.ones(3) > 0),
        lambda m: m.masked.masked_tensor(m.ones(2, 3), m.ones(2, 2) > 0),
        lambda m: m.masked.masked_tensor(m.ones(2), m.ones(2)),
        lambda m: m.masked.masked_tensor([1.0], m.ones(1) > 0),
        lambda m: made(m) + m.masked.masked_tensor(m.ones(2, 3), m.ones(2, 3) > 0),
        lambda m: made(m).relu(),
        lambda m: made(m).median(),
        lambda m: made(m).tolist(),
        lambda m: made(m).numpy(),
        lambda m: made(m).item(),
    ],
)
def test_errors(call):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        call(torch)
    with pytest.raises(type(theirs.value)):
        call(flambeau)
