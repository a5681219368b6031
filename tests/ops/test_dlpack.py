"""DLPack: memory passes between flambeau, PyTorch and NumPy without a copy."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

DTYPES = ["bool", "uint8", "int16", "int64", "uint32", "float16", "bfloat16", "float32", "float64", "complex64"]
VALUES = [[1, 0, 3], [4, 5, 0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_to_pytorch(dtype):
    x = flambeau.tensor(VALUES, dtype=getattr(flambeau, dtype)).t()[1:]
    other = torch.from_dlpack(x)
    assert str(other.dtype) == str(x.dtype)
    assert (other.tolist(), other.stride(), other.data_ptr()) == (x.tolist(), x.stride(), x.data_ptr())
    other.zero_()
    assert not x.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_from_pytorch(dtype):
    other = torch.tensor(VALUES, dtype=getattr(torch, dtype)).t()[1:]
    for x in (flambeau.from_dlpack(other), flambeau.from_dlpack(other.__dlpack__())):
        assert str(x.dtype) == str(other.dtype)
        assert (x.tolist(), x.stride(), x.data_ptr()) == (other.tolist(), other.stride(), other.data_ptr())
    x.zero_()
    assert not other.any()


@pytest.mark.parametrize("array", [np.array(2.0), np.zeros((0, 3)), np.arange(6.0).reshape(2, 3).T, np.array([True])])
def test_numpy_both_ways(array):
    x = flambeau.from_dlpack(array)
    np.testing.assert_array_equal(np.from_dlpack(x), array)
    assert tuple(x.shape) == array.shape


def test_a_copy_is_made_when_asked_for():
    x = flambeau.ones(2)
    for copied in (flambeau.from_dlpack(x, copy=True), flambeau.from_dlpack(x.numpy(), copy=True), np.from_dlpack(x, copy=True)):
        copied[0] = 5
    assert x.tolist() == [1, 1]
    flambeau.from_dlpack(x, copy=False)[0] = 7
    assert x.tolist() == [7, 1]


def test_a_capsule_is_used_once():
    capsule = flambeau.ones(2).bfloat16().__dlpack__(max_version=(1, 0))
    assert flambeau.from_dlpack(capsule).tolist() == [1, 1]
    with pytest.raises((RuntimeError, ValueError)):
        flambeau.from_dlpack(capsule)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.ones(2, requires_grad=True).__dlpack__(),
        lambda m: m.ones(2, device="meta").__dlpack__(),
        lambda m: m.ones(2).__dlpack__(stream=1),
        lambda m: m.from_dlpack(3),
        lambda m: m.from_dlpack([1]),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(Exception) as expected:
        call(torch)
    with pytest.raises(expected.type):
        call(flambeau)


def test_devices_have_names():
    import flambeau.utils.dlpack as names

    assert flambeau.ones(1).__dlpack_device__() == (names.DLDeviceType.kDLCPU, 0) == tuple(torch.ones(1).__dlpack_device__())
    with pytest.raises(BufferError):
        flambeau.ones(1).__dlpack__(dl_device=(2, 0))
    assert names.from_dlpack(names.to_dlpack(flambeau.ones(2))).tolist() == [1, 1]


class Labelled(flambeau.Tensor):
    pass


def test_subclasses_are_left_behind_where_pytorch_does():
    x = flambeau.ones(2).as_subclass(Labelled)
    assert type(flambeau.from_dlpack(x)) is flambeau.Tensor
    assert type(flambeau.as_tensor(x)) is Labelled
    assert type(next(iter(x))) is Labelled
