"""Recurrent layers, their cells and packed sequences against PyTorch's: same seeds, same weights, same results."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau

torch = pytest.importorskip("torch")

LAYERS = [
    "RNN(4, 6)",
    "RNN(4, 6, 2, 'relu', bidirectional=True)",
    "RNN(4, 6, nonlinearity='relu', bias=False, batch_first=True)",
    "LSTM(4, 6)",
    "LSTM(4, 6, 2, bidirectional=True, batch_first=True)",
    "LSTM(4, 6, 2, bias=False, proj_size=3)",
    "LSTM(4, 6, bidirectional=True, proj_size=2)",
    "GRU(4, 6)",
    "GRU(4, 6, 3, batch_first=True)",
    "GRU(4, 6, 2, False, bidirectional=True)",
]
CELLS = ["RNNCell(4, 6)", "RNNCell(4, 6, nonlinearity='relu')", "LSTMCell(4, 6)", "LSTMCell(4, 6, bias=False)", "GRUCell(4, 6)"]


def make(library, call: str, seed: int = 3):
    """The layer of ``call`` with the weights that ``seed`` gives it."""
    library.manual_seed(seed)
    return eval(f"nn.{call}", {"nn": library.nn})


def pair(shape, seed: int = 0, dtype=np.float32):
    data = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return flambeau.tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)


def flat(value) -> list:
    """All tensors in a result."""
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in flat(part)]
    return [] if value is None else [value]


def assert_equal(ours, theirs, tolerance: float = 2e-6) -> None:
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert str(mine.dtype) == str(wanted.dtype)
        np.testing.assert_allclose(mine.detach().numpy(), wanted.detach().numpy(), rtol=tolerance, atol=tolerance)


def backward(result) -> None:
    sum((tensor * tensor * (i + 1)).sum() for i, tensor in enumerate(flat(result)) if tensor.is_floating_point()).backward()


def assert_same_gradients(ours, theirs, *inputs) -> None:
    for (name, mine), (_, wanted) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), wanted.grad.numpy(), rtol=1e-4, atol=1e-4, err_msg=name)
    for mine, wanted in inputs:
        np.testing.assert_allclose(mine.grad.numpy(), wanted.grad.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("call", LAYERS + CELLS)
def test_a_seed_gives_pytorch_s_weights_under_its_names(call):
    ours, theirs = make(flambeau, call), make(torch, call)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name].numpy(), tensor.numpy())
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("call", LAYERS)
def test_outputs_and_gradients(call):
    ours, theirs = make(flambeau, call), make(torch, call)
    x = pair((5, 3, 4))
    results = ours(x[0]), theirs(x[1])
    assert_equal(*results)
    for result in results:
        backward(result)
    assert_same_gradients(ours, theirs, x)


@pytest.mark.parametrize("call", ["LSTM(4, 6, 2, bidirectional=True, proj_size=3)", "GRU(4, 6, batch_first=True)", "RNN(4, 6)"])
@pytest.mark.parametrize("batch", [(3,), ()], ids=["batch", "no batch"])
def test_given_states(call, batch):
    ours, theirs = make(flambeau, call), make(torch, call)
    x = pair((3, 5, 4) if batch and ours.batch_first else (5, *batch, 4))
    first = ours.num_layers * (2 if ours.bidirectional else 1)
    states = [pair((first, *batch, ours.proj_size or 6), 1)]
    if call.startswith("LSTM"):
        states.append(pair((first, *batch, 6), 2))
    given = [tuple(s[i] for s in states) if len(states) > 1 else states[0][i] for i in (0, 1)]
    results = ours(x[0], given[0]), theirs(x[1], given[1])
    assert_equal(*results)
    for result in results:
        backward(result)
    assert_same_gradients(ours, theirs, x, *states)


@pytest.mark.parametrize("call", LAYERS)
def test_packed_sequences(call):
    results, models = [], []
    x = pair((6, 4, 4))
    for library, data in zip((flambeau, torch), x):
        model = make(library, call)
        rnn = library.nn.utils.rnn
        packed = rnn.pack_padded_sequence(data, [3, 6, 1, 4], enforce_sorted=False)
        output, last = model(packed)
        results.append((rnn.pad_packed_sequence(output, padding_value=-1.0), last))
        backward((results[-1][0][0], last))
        models.append(model)
    assert_equal(*results)
    assert_same_gradients(*models, x)


@pytest.mark.parametrize("call", ["LSTM(4, 6, 2, bidirectional=True)", "GRU(4, 6)"])
def test_a_long_sequence_goes_in_pieces(call):
    ours, theirs = make(flambeau, call), make(torch, call)
    x = pair((100, 2, 4))
    results = ours(x[0]), theirs(x[1])
    assert_equal(*results, tolerance=1e-5)
    for result in results:
        backward(result)
    np.testing.assert_allclose(x[0].grad.numpy(), x[1].grad.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("packed", [False, True])
def test_dropout_between_layers_draws_pytorch_s_masks(packed):
    results = []
    for library in (flambeau, torch):
        model = make(library, "GRU(4, 6, 3, dropout=0.4)")
        data = library.ones(5, 3, 4)
        if packed:
            data = library.nn.utils.rnn.pack_padded_sequence(data, [5, 3, 2])
        results.append(model(data)[1])
        model.eval()
        results[-1] = (results[-1], model(data)[1])
    assert_equal(*results)


def test_second_derivatives():
    ours = []
    for library in (flambeau, torch):
        model = make(library, "LSTM(3, 4, 2)").double()
        x = library.linspace(-1, 1, 12, dtype=library.float64).reshape(4, 1, 3).requires_grad_()
        (slope,) = library.autograd.grad(model(x)[0].sum(), x, create_graph=True)
        (slope * slope).sum().backward()
        ours.append([x.grad, *[p.grad for p in model.parameters()]])
    assert_equal(*ours, tolerance=1e-9)


def test_bfloat16_is_close():
    ours, theirs = make(flambeau, "LSTM(4, 6)").bfloat16(), make(torch, "LSTM(4, 6)").bfloat16()
    x = pair((5, 3, 4))
    mine, wanted = ours(x[0].bfloat16())[0], theirs(x[1].bfloat16())[0]
    assert mine.dtype is flambeau.bfloat16
    np.testing.assert_allclose(mine.detach().float().numpy(), wanted.detach().float().numpy(), atol=2e-2)


@pytest.mark.parametrize("call", CELLS)
@pytest.mark.parametrize("batch", [(3,), ()], ids=["batch", "no batch"])
def test_cells(call, batch):
    ours, theirs = make(flambeau, call), make(torch, call)
    x, h, c = pair((*batch, 4)), pair((*batch, 6), 1), pair((*batch, 6), 2)
    states = [(h[i], c[i]) if call.startswith("LSTM") else h[i] for i in (0, 1)]
    assert_equal(ours(x[0]), theirs(x[1]))
    results = ours(x[0], states[0]), theirs(x[1], states[1])
    assert_equal(*results)
    for result in results:
        backward(result)
    assert_same_gradients(ours, theirs, x, h)


WRONG = [
    "nn.LSTM(4, 6)(ones(5, 3, 3))",
    "nn.LSTM(4, 6)(ones(5, 3, 2, 4))",
    "nn.LSTM(4, 6)(ones(0, 3, 4))",
    "nn.LSTM(4, 6)(ones(5, 3, 4).double())",
    "nn.LSTM(4, 6)(ones(5, 3, 4), (ones(1, 2, 6), ones(1, 3, 6)))",
    "nn.LSTM(4, 6)(ones(5, 4), (ones(1, 1, 6), ones(1, 1, 6)))",
    "nn.GRU(4, 6)(ones(5, 3, 4), ones(2, 3, 6))",
    "nn.RNN(4, 6)(ones(5, 3, 4), ones(3, 6))",
    "nn.RNN(4, 6, nonlinearity='gelu')",
    "nn.GRU(4, 6, proj_size=2)",
    "nn.LSTM(4, 6, proj_size=6)",
    "nn.LSTM(4, 6, proj_size=-1)",
    "nn.LSTM(4, 0)",
    "nn.LSTM(4.0, 6)",
    "nn.LSTM(4, 6, 0)",
    "nn.LSTM(4, 6, dropout=1.5)",
    "nn.LSTM(4, 6, dropout=True)",
    "nn.LSTM(4, 6, bias=1)",
    "nn.LSTM(4, 6, batch_first=1)",
    "nn.GRUCell(4, 6)(ones(2, 3, 4))",
    "nn.GRUCell(4, 6)(ones(2, 3))",
    "nn.LSTMCell(4, 6)(ones(2, 4), (ones(3, 6), ones(3, 6)))",
    "nn.RNNCell(4, 6)(ones(2, 4), ones(2, 5))",
    "lstm(ones(5, 3, 4), [ones(1, 3, 6)], list(nn.LSTM(4, 6).parameters()), True, 1, 0.0, False, False, False)",
    "gru_cell(ones(2, 4), ones(2, 5), ones(16, 4), ones(15, 5))",
    "nn.utils.rnn.pack_padded_sequence(ones(5, 3), [3, 5, 1])",
    "nn.utils.rnn.pack_padded_sequence(ones(5, 3), [5, 3])",
    "nn.utils.rnn.pack_padded_sequence(ones(5, 3), [5, 3, 0])",
    "nn.utils.rnn.pack_padded_sequence(ones(0, 3), [5, 3, 0])",
    "nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_padded_sequence(ones(5, 3), [5, 3, 1]), total_length=4)",
    "nn.utils.rnn.pad_sequence(3)",
    "nn.utils.rnn.pad_sequence([])",
    "nn.utils.rnn.pad_sequence([ones(3)], padding_side='up')",
]


@pytest.mark.parametrize("call", WRONG)
@pytest.mark.filterwarnings("ignore")
def test_wrong_use_raises_pytorch_s_exception(call):
    def run(library):
        eval(call, {"nn": library.nn, "ones": library.ones, "lstm": library.lstm, "gru_cell": library.gru_cell})

    with pytest.raises(Exception) as wanted:
        run(torch)
    with pytest.raises(wanted.type):
        run(flambeau)


def test_sequences_survive_padding_and_packing():
    for library in (flambeau, torch):
        rnn = library.nn.utils.rnn
        sequences = [library.arange(n) for n in (2, 4, 1)]
        assert rnn.pad_sequence(sequences, batch_first=True, padding_value=9).tolist() == [[0, 1, 9, 9], [0, 1, 2, 3], [0, 9, 9, 9]]
        assert rnn.pad_sequence(sequences, True, 9, "left").tolist() == [[9, 9, 0, 1], [0, 1, 2, 3], [9, 9, 9, 0]]
        packed = rnn.pack_sequence(sequences, enforce_sorted=False)
        assert packed.data.tolist() == [0, 0, 0, 1, 1, 2, 3]
        assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
        assert packed.sorted_indices.tolist() == [1, 0, 2] and packed.unsorted_indices.tolist() == [1, 0, 2]
        assert [s.tolist() for s in rnn.unpack_sequence(packed)] == [[0, 1], [0, 1, 2, 3], [0]]
        assert packed.data.dtype is rnn.unpack_sequence(packed)[0].dtype is library.int64
        padded, lengths = rnn.pad_packed_sequence(packed, total_length=5)
        assert padded.shape == (5, 3) and lengths.tolist() == [2, 4, 1]
        assert packed.double().data.dtype is library.float64 and packed.cpu() is packed


def test_weights_move_and_load():
    ours, theirs = make(flambeau, "LSTM(4, 6)").double(), make(torch, "LSTM(4, 6)", seed=8).double()
    ours.load_state_dict({k: flambeau.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    x = pair((5, 3, 4), dtype=np.float64)
    assert_equal(ours(x[0]), theirs(x[1]), tolerance=1e-12)
    assert [[p.shape for p in layer] for layer in ours.all_weights] == [[p.shape for p in layer] for layer in theirs.all_weights]


@pytest.mark.parametrize("steps", [1, 31, 45, 96])
def test_packed_sequences_go_in_pieces_of_powers_of_two(steps):
    from flambeau.ops.recurrent import _lengths

    pieces = _lengths(steps, packed=True)
    assert sum(pieces) == steps and all(n & (n - 1) == 0 and n <= 32 for n in pieces)
    x = pair((steps, 2, 4))
    outputs = []
    for library, data in zip((flambeau, torch), x):
        model = make(library, "LSTM(4, 6, bidirectional=True)")
        packed = library.nn.utils.rnn.pack_padded_sequence(data, [steps, (steps + 1) // 2])
        outputs.append(model(packed)[0].data)
        (outputs[-1] * outputs[-1]).sum().backward()
    assert_equal(*outputs, tolerance=1e-5)
    np.testing.assert_allclose(x[0].grad.numpy(), x[1].grad.numpy(), rtol=1e-3, atol=1e-5)
