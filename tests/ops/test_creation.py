"""Making tensors: values, dtypes, strides and errors are PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")


def described(tensor):
    return str(tensor.dtype), tuple(tensor.shape), tensor.stride(), tensor.requires_grad, repr(tensor.tolist())


CASES = [
    lambda m: m.zeros(2, 3),
    lambda m: m.ones((2,), dtype=m.int16),
    lambda m: m.full((2, 2), 7),
    lambda m: m.full((2,), True),
    lambda m: m.full((2,), 1j),
    lambda m: m.full((2,), m.tensor(3)),
    lambda m: m.zeros(0, 3, requires_grad=True),
    lambda m: m.zeros_like(m.ones(2, 3).t()),
    lambda m: m.ones_like(m.arange(3), dtype=m.float16),
    lambda m: m.full_like(m.ones(2, 3, 4).permute(2, 0, 1), 5),
    lambda m: m.empty_like(m.ones(2, 3)[:, ::2]).fill_(1),
    lambda m: m.ones(2).new_full((2,), 3.5),
    lambda m: m.arange(5).new_full((2,), 3.5),
    lambda m: m.arange(5).new_zeros(2, 2),
    lambda m: m.ones(2, dtype=m.float64).new_tensor([1, 2]),
    lambda m: m.ones(2, dtype=m.int8).new_ones((3,)),
    lambda m: m.tensor([[1, 2], [3, 4]]),
    lambda m: m.tensor([True, 1, 2.0]),
    lambda m: m.tensor([]),
    lambda m: m.tensor([[], []]),
    lambda m: m.tensor(1 + 2j),
    lambda m: m.tensor([1.5, -2.5], dtype=m.int32),
    lambda m: m.tensor(2.5, dtype=m.bool),
    lambda m: m.tensor(-1, dtype=m.uint8),
    lambda m: m.tensor([m.tensor(1), m.tensor(2)]),
    lambda m: m.tensor(np.arange(3, dtype=np.int16)),
    lambda m: m.tensor(np.float64(2.5)),
    lambda m: m.tensor([0.1, float("nan"), float("inf")], dtype=m.bfloat16),
    lambda m: m.as_tensor([1, 2]),
    lambda m: m.asarray(bytearray(b"ab"), dtype=m.uint8),
    lambda m: m.Tensor([1, 2]),
    lambda m: m.FloatTensor([1, 2]),
    lambda m: m.LongTensor([1, 2]),
    lambda m: m.scalar_tensor(3),
    lambda m: m.eye(3),
    lambda m: m.eye(2, 4, dtype=m.int64),
    lambda m: m.eye(0),
    lambda m: m.vander(m.tensor([1, 2, 3])),
    lambda m: m.vander(m.tensor([1.0, 2.0]), 4, increasing=True),
    lambda m: m.empty_permuted((2, 3, 4), (2, 0, 1)).fill_(0),
    lambda m: m.empty_strided((2, 3), (1, 2)).zero_(),
    lambda m: m.frombuffer(bytearray(range(16)), dtype=m.int16, count=3, offset=2),
    lambda m: m.hann_window(7),
    lambda m: m.hann_window(1),
    lambda m: m.hann_window(0),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_same_as_pytorch(number):
    assert described(CASES[number](flambeau)) == described(CASES[number](torch))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("start", "end", "step"), [(0, 1, 0.001), (0.3, 17.7, 0.013), (-5, 100, 0.1), (5, 0, -0.7), (2, 2, 1)])
def test_ranges_have_the_same_bits(dtype, start, end, step):
    ours = flambeau.arange(start, end, step, dtype=getattr(flambeau, dtype))
    assert ours.tolist() == torch.arange(start, end, step, dtype=getattr(torch, dtype)).tolist()


def test_ranges_of_integers():
    for arguments in [(5,), (2, 9, 3), (9, 2, -2), (0, 0)]:
        assert described(flambeau.arange(*arguments)) == described(torch.arange(*arguments))
    assert described(flambeau.arange(0, 5, 1.5, dtype=flambeau.int64)) == described(torch.arange(0, 5, 1.5, dtype=torch.int64))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "complex64", "bfloat16"])
@pytest.mark.parametrize(("start", "end", "steps"), [(0, 1, 101), (0.3, 17.7, 1001), (-5, 100, 57), (3, 10, 1), (3, 10, 0)])
def test_spaced_numbers(dtype, start, end, steps):
    ours = flambeau.linspace(start, end, steps, dtype=getattr(flambeau, dtype))
    theirs = torch.linspace(start, end, steps, dtype=getattr(torch, dtype))
    if dtype in ("float32", "float64", "int32"):
        assert ours.tolist() == theirs.tolist()
    else:
        np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=2e-2, atol=2e-2)
    ours = flambeau.logspace(0, 2, steps, base=3, dtype=getattr(flambeau, dtype))
    theirs = torch.logspace(0, 2, steps, base=3, dtype=getattr(torch, dtype))
    np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=1e-2)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows(name, periodic):
    for length in (0, 1, 2, 9):
        ours = getattr(flambeau, f"{name}_window")(length, periodic)
        theirs = getattr(torch, f"{name}_window")(length, periodic)
        np.testing.assert_allclose(ours.tolist(), theirs.tolist(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.zeros(-1),
        lambda m: m.zeros(2.5),
        lambda m: m.zeros("a"),
        lambda m: m.zeros(2, dtype=3),
        lambda m: m.zeros(2, device="cuda"),
        lambda m: m.full((2,), 300, dtype=m.uint8),
        lambda m: m.full((2,), m.ones(2)),
        lambda m: m.zeros(2).fill_(1j),
        lambda m: m.zeros(2).fill_(m.ones(2)),
        lambda m: m.zeros_like(3),
        lambda m: m.tensor([1, [2]]),
        lambda m: m.tensor([[1, 2], [3]]),
        lambda m: m.tensor("a"),
        lambda m: m.tensor(None),
        lambda m: m.tensor(2**63),
        lambda m: m.tensor(300, dtype=m.uint8),
        lambda m: m.tensor(1j, dtype=m.float32),
        lambda m: m.tensor(1, requires_grad=True),
        lambda m: m.Tensor(3.5),
        lambda m: m.arange(0, 5, 0),
        lambda m: m.arange(0, -1),
        lambda m: m.arange(float("nan")),
        lambda m: m.arange(0, 5, 0.5, dtype=m.int64),
        lambda m: m.linspace(0, 1, -1),
        lambda m: m.linspace(0, 1, 3, dtype=m.bool),
        lambda m: m.eye(-1),
        lambda m: m.hann_window(-1),
        lambda m: m.empty_permuted((2, 3), (0, 0)),
        lambda m: m.frombuffer(b"", dtype=m.uint8),
        lambda m: m.frombuffer(bytearray(5), dtype=m.int32),
        lambda m: m.frombuffer(bytearray(8), dtype=m.int32, count=3),
        lambda m: m.from_numpy([1]),
        lambda m: m.from_numpy(np.array(["a"])),
    ],
)
def test_same_kind_of_error(call):
    errors = []
    for m in (flambeau, torch):
        with pytest.raises(Exception) as caught:
            call(m)
        errors.append(caught.type)
    assert errors[0] is errors[1]


def test_memory_is_shared_where_it_can_be():
    array = np.zeros(3)
    for made in (flambeau.from_numpy(array), flambeau.as_tensor(array), flambeau.asarray(array)):
        made[0] += 1
    assert array[0] == 3
    flambeau.tensor(array)[0] = 9
    flambeau.asarray(array, copy=True)[0] = 9
    assert array[0] == 3
    buffer = bytearray(8)
    flambeau.frombuffer(buffer, dtype=flambeau.int32).fill_(1)
    assert buffer == bytearray([1, 0, 0, 0, 1, 0, 0, 0])
    with pytest.raises(ValueError):
        flambeau.asarray([1, 2], copy=False)


@pytest.mark.filterwarnings("ignore:torch.asarray")
def test_asarray_keeps_the_graph_of_a_tensor_unless_it_is_told_otherwise():
    for m in (flambeau, torch):
        leaf, result = m.ones(2, requires_grad=True), m.ones(2, requires_grad=True) * 2
        assert m.asarray(leaf) is leaf and m.asarray(result) is result
        assert m.asarray(result, dtype=m.float64).requires_grad and m.asarray(leaf, copy=True).grad_fn is not None
        assert not m.asarray(result, requires_grad=False).requires_grad
        with pytest.raises(RuntimeError, match="floating point"):
            m.asarray(leaf, dtype=m.int64)


def test_meta_tensors_have_no_elements():
    x = flambeau.linspace(0, 1, 10**9, device="meta")
    assert x.shape == (10**9,) and x.is_meta
    with pytest.raises(NotImplementedError):
        x.tolist()


def test_out_is_written():
    out = flambeau.empty(3)
    assert flambeau.arange(3, out=out) is out and out.tolist() == [0.0, 1.0, 2.0]
    assert flambeau.ones(2, 2, out=out) is out and out.shape == (2, 2)


def test_large_and_small_unsigned_integers_together():
    values = [2**64 - 1, 5, 2**63]
    assert flambeau.tensor(values, dtype=flambeau.uint64).tolist() == values


def test_what_is_no_memory_format_is_refused():
    x = flambeau.ones(2, 2)
    for call in (
        lambda: x.clone(memory_format=3),
        lambda: x.contiguous(memory_format="channels_last"),
        lambda: x.is_contiguous(memory_format=3),
        lambda: x.to(memory_format=3),
        lambda: x.float().to(flambeau.float64, memory_format=3),
        lambda: flambeau.zeros_like(x, memory_format=3),
        lambda: flambeau.empty(2, memory_format=3),
        lambda: flambeau.nn.Linear(2, 2).to(memory_format=3),
    ):
        with pytest.raises(TypeError, match="'memory_format' must be torch.memory_format, not (int|str)"):
            call()
    assert flambeau.equal(x.clone(memory_format=None), x)
