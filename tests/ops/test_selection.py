"""where, masked_fill, lerp, addcmul, addcdiv, and complex numbers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.elementwise_oracle import SPECIAL, agree, both, gradients_agree, same

import flambeau


def test_where_takes_tensors_and_numbers():
    agree(lambda t, x: t.where(x > 1, x, 0), [1.0, 2.0])
    agree(lambda t, x: t.where(x > 1, 1, 2.5), [1.0, 2.0])
    agree(lambda t, x: t.where(x > 1, x, t.tensor([1.0, 2.0], dtype=t.float64)), [1, 2], dtype="int64")
    agree(lambda t, x: t.where(x, 1, 2), [1, 0], dtype="int64")
    agree(lambda t, x: t.where(x[:, None] > 1, x, x[:1]), [1.0, 2.0, 3.0])


def test_where_with_a_condition_alone_gives_positions():
    ours, theirs = both([[1, 0], [0, 1]], "bool")
    for a, b in zip(flambeau.where(ours), theirs.nonzero(as_tuple=True)):
        same(a, b)


def test_where_gradients_do_not_leak_nan():
    gradients_agree(lambda t, x, y: t.where(x > 0, x.log(), y), [0.0, 2.0], [5.0, 6.0])


def test_masked_fill():
    agree(lambda t, x: x.masked_fill(x > 1, -1), [1.0, 2.0])
    agree(lambda t, x: x.masked_fill(x > 1, 1.7), [1, 2], dtype="int64")
    agree(lambda t, x: x.masked_fill(x > 1, t.tensor(7.0)), [1.0, 2.0])
    agree(lambda t, x: x.masked_fill(x > 1, t.tensor([7.0])), [1.0, 2.0])
    agree(lambda t, x: x.masked_fill(x > 1, 1j), [1.0, 2.0])
    agree(lambda t, x: x.masked_fill(x, 1), [1.0, 2.0])
    gradients_agree(lambda t, x: x.masked_fill(x > 1, 3.0) * 2, [1.0, 2.0])


def test_lerp():
    for weight in (0, 0.25, 0.75, 1.0, 2):
        agree(lambda t, x, y, w=weight: t.lerp(x, y, w), SPECIAL, SPECIAL[::-1])
        gradients_agree(lambda t, x, y, w=weight: t.lerp(x, y, w), [1.0, 2.0], [5.0, 3.0])
    gradients_agree(lambda t, x, y, w: t.lerp(x, y, w), [1.0, 2.0], [5.0, 3.0], [0.2, 0.9])
    agree(lambda t, x, y: t.lerp(x, y, 0.5), [1.0], both([1]))
    agree(lambda t, x, y: t.lerp(x, y, 0.5), [1], [2], dtype="int64")


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
@pytest.mark.parametrize("dtype", ["int64", "float16", "float32", "complex64"])
def test_added_products_and_quotients(name, dtype):
    for value in (1, 2, 0.5):
        agree(
            lambda t, x, y, z, v=value: getattr(t, name)(x, y, z, value=v),
            [1, 2],
            [3, 4],
            [5, 6],
            dtype=dtype,
        )


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_their_gradients(name):
    program = lambda t, x, y, z: getattr(t, name)(x, y, z, value=1.5)  # noqa: E731
    gradients_agree(program, [[1.0, 2.0]], [3.0, 4.0], [[5.0], [6.0]])
    gradients_agree(program, [1 + 2j], [3 - 1j], [2j], dtype="complex128")


# -- complex numbers ------------------------------------------------------------------------------


def test_parts_are_views():
    z = flambeau.tensor([1 + 2j, 3 - 1j])
    assert z.real._base is not None and z.imag.stride() == (2,)
    z.imag.zero_()
    assert z.tolist() == [1 + 0j, 3 + 0j]
    with pytest.raises(RuntimeError):
        flambeau.imag(flambeau.ones(1))
    assert flambeau.ones(0, dtype=flambeau.complex64).imag.shape == (0,)


@pytest.mark.parametrize("name", ["real", "imag", "conj", "angle", "abs", "sgn"])
def test_functions_of_complex_numbers(name):
    data = [0j, 1 + 2j, -3 - 1j, 2j]
    ours, theirs = both(data, "complex128")
    same(
        getattr(flambeau, name)(ours),
        getattr(theirs, name)() if name not in ("real", "imag") else getattr(theirs, name),
    )
    if name not in ("conj", "sgn"):
        gradients_agree(lambda t, x: getattr(t, name)(x) * 2, data, dtype="complex128")


def test_making_of_parts():
    agree(lambda t, x, y: t.complex(x, y), [1.0, 2.0], [3.0, 4.0])
    agree(lambda t, x, y: t.polar(x, y), [1.0, 2.0], [3.0, 4.0])
    agree(lambda t, x, y: t.complex(x, y), [1], [2], dtype="int64")
    gradients_agree(lambda t, x, y: t.polar(x, y) * (1 + 2j), [1.0, 2.0], [3.0, 4.0])


def test_angles_of_real_numbers():
    agree(lambda t, x: t.angle(x), SPECIAL)
    assert np.isnan(flambeau.angle(flambeau.tensor(float("nan"))).item())
