"""assert_close raises where PyTorch's does, with the same text."""

from __future__ import annotations

import pytest

import flambeau
import flambeau.testing

torch = pytest.importorskip("torch")


def outcome(call, m):
    try:
        call(m, m.testing.assert_close)
    except Exception as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize(
    "call",
    [
        lambda m, close: close(m.tensor([1.0, 2]), m.tensor([1.0, 3])),
        lambda m, close: close(m.tensor([1, 2]), m.tensor([1, 3])),
        lambda m, close: close(m.tensor(1.0), m.tensor(2.0)),
        lambda m, close: close(1.0, 2.0),
        lambda m, close: close(1, 2),
        lambda m, close: close(1, 1.0),
        lambda m, close: close(m.tensor([1.0]), m.tensor([1.0, 2])),
        lambda m, close: close(m.tensor([1.0]), m.tensor([1.0], dtype=m.float64)),
        lambda m, close: close([m.tensor([1.0]), m.tensor([2.0])], [m.tensor([1.0]), m.tensor([3.0])]),
        lambda m, close: close({"a": m.tensor(1.0)}, {"a": m.tensor(2.0)}),
        lambda m, close: close({"a": 1}, {"b": 1}),
        lambda m, close: close([1], [1, 2]),
        lambda m, close: close(None, 1),
        lambda m, close: close(m.tensor([1.0]), m.tensor([1.0])),
        lambda m, close: close(m.tensor([float("nan")]), m.tensor([float("nan")])),
        lambda m, close: close(m.tensor([float("nan")]), m.tensor([float("nan")]), equal_nan=True),
        lambda m, close: close(m.tensor([1.0]), m.tensor([1.00001]), rtol=0, atol=1e-6),
        lambda m, close: close(m.tensor([1.0]), m.tensor([2.0]), msg="mine"),
        lambda m, close: close(m.tensor([1.0]), m.tensor([2.0]), msg=lambda text: "before " + text),
        lambda m, close: close(m.tensor([True]), m.tensor([False])),
        lambda m, close: close(m.tensor([[1.0, 5], [2, 3]]), m.tensor([[1.0, 2], [2, 4]])),
        lambda m, close: close(m.tensor([1.0], dtype=m.bfloat16), m.tensor([1.01], dtype=m.bfloat16)),
        lambda m, close: close(m.tensor([1.0, 2]), m.tensor([0.0, 2])),
        lambda m, close: close(m.ones(2, 3), m.ones(3, 2).t(), check_stride=True),
        lambda m, close: close(m.empty(0), m.empty(0)),
    ],
)
def test_same_as_pytorch(call):
    assert outcome(call, flambeau) == outcome(call, torch)


def test_what_cannot_be_compared():
    with pytest.raises(TypeError):
        flambeau.testing.assert_close(flambeau.ones(1), 1.0)
    with pytest.raises(ValueError, match="rtol and atol"):
        flambeau.testing.assert_close(1.0, 1.0, rtol=1)


def test_random_tensors_for_tests():
    x = flambeau.testing.make_tensor(4, 5, dtype=flambeau.float32, device="cpu", noncontiguous=True, requires_grad=True)
    assert x.shape == (4, 5) and not x.is_contiguous() and x.requires_grad
    y = flambeau.testing.make_tensor((50,), dtype=flambeau.uint8, device="cpu", low=3, high=5)
    assert set(y.tolist()) == {3, 4}
