"""What each type of parameter takes: PyTorch refuses the same values, with the same type of exception."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

CALLS = {
    "int": lambda m, x, v: m.softmax(x, v),
    "int?": lambda m, x, v: m.argmax(x, v),
    "int[]": lambda m, x, v: m.amax(x, v),
    "int[]?": lambda m, x, v: m.sum(x, v),
    "int[] of a function": lambda m, x, v: m.logsumexp(x, v),
    "float?": lambda m, x, v: m.nan_to_num(x, v),
    "bool": lambda m, x, v: m.amin(x, 0, v),
    "dtype?": lambda m, x, v: m.sum(x, dtype=v),
    "Scalar": lambda m, x, v: m.add(x, x, alpha=v),
    "Tensor": lambda m, x, v: m.exp(v),
    "Tensor[]": lambda m, x, v: m.cat(v),
    "Tensor|Scalar": lambda m, x, v: m.mul(x, v),
}
VALUES = {
    "None": lambda m: None,
    "0": lambda m: 0,
    "-1": lambda m: -1,
    "0.5": lambda m: 0.5,
    "1j": lambda m: 1j,
    "True": lambda m: True,
    "string": lambda m: "a",
    "NumPy int": lambda m: np.int64(0),
    "NumPy float": lambda m: np.float32(0.5),
    "2**63": lambda m: 2**63,
    "array": lambda m: np.array([0]),
    "range": lambda m: range(2),
    "object": lambda m: object(),
    "dtype": lambda m: m.float64,
    "0-dim integer": lambda m: m.tensor(0),
    "0-dim float": lambda m: m.tensor(0.5),
    "0-dim bool": lambda m: m.tensor(True),
    "one integer": lambda m: m.tensor([0]),
    "0-dim with gradient": lambda m: m.tensor(0.5, requires_grad=True),
    "list": lambda m: [0],
    "Size": lambda m: m.Size([1]),
    "list of None": lambda m: [None],
    "list of bool": lambda m: [True],
    "int and bool": lambda m: (0, True),
    "int and float": lambda m: (0, 1.0),
    "list of 0-dim tensors": lambda m: [m.tensor(0)],
    "list of tensors": lambda m: [m.ones(2), m.ones(2)],
    "tensors and a number": lambda m: [m.ones(2), 1],
}


def outcome(m, kind: str, value: str):
    """The result as an array, or the exception's type."""
    try:
        columns = 1 + list(VALUES).index(value)  # of its own: a known signature is not looked at again
        return CALLS[kind](m, m.full((2, columns), 0.25), VALUES[value](m)).numpy()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("kind", CALLS)
def test_accepted_and_refused_alike(kind):
    for value in VALUES:
        result, expected = outcome(flambeau, kind, value), outcome(torch, kind, value)
        if isinstance(expected, type):
            assert result is expected, value
        else:
            np.testing.assert_allclose(result, expected, rtol=1e-6, err_msg=value)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, v: m.unique(m.tensor([2, 1, 2]), v),
        lambda m, v: m.unique(m.tensor([2, 1, 2]), return_counts=v)[0],
        lambda m, v: m.diff(m.tensor([1, 2, 4]), v),
        lambda m, v: m.diff(m.tensor([1, 2, 4]), dim=v),
        lambda m, v: m.block_diag(v, v),
        lambda m, v: m.nn.functional.mse_loss(m.ones(2), v),
        lambda m, v: m.vstack(v),
    ],
)
def test_functions_made_of_operators(call):
    for name, value in VALUES.items():
        if name == "2**63":  # only operators' own parameters tell it from other numbers out of range
            continue

        def outcome(m):
            try:
                return call(m, value(m)).tolist()  # noqa: B023 - used at once
            except AttributeError:
                return TypeError
            except Exception as error:
                return type(error)

        assert outcome(flambeau) == outcome(torch)


def test_a_wrong_argument_is_named():
    with pytest.raises(TypeError, match=r"broadcast_tensors\(\): argument 'tensors' .* must be Tensor, not list"):
        flambeau.broadcast_tensors([1], 2)
    with pytest.raises(TypeError, match=r"unique\(\): argument 'sorted' \(position 2\) must be bool, not int"):
        flambeau.unique(flambeau.ones(2), 1)


def test_what_is_no_tensor_is_named():
    for call in (
        lambda m: m.block_diag(m.ones(2), 1),
        lambda m: m.broadcast_tensors(m.ones(2), m.ones(1), "a"),
        lambda m: m.std(np.ones(3)),
        lambda m: m.nn.functional.interpolate(m.ones(1, 1, 4), size=2.5),
        lambda m: m.nn.functional.interpolate(m.ones(1, 1, 4), size=2, mode="linear", align_corners=1),
    ):
        for m in (torch, flambeau):
            with pytest.raises(TypeError):
                call(m)
