"""Recurrent networks as functions: ``rnn_tanh``, ``rnn_relu``, ``lstm`` and ``gru``, and one step of each on plain tensors."""

from __future__ import annotations

from typing import NamedTuple

from ..lazy import window as _window
from ..tensor import Tensor
from .dropout import dropout as drop
from .joining import cat, stack
from .matmul import linear
from .operator import operator
from .packed_sequences import packed_rows, padded_rows, places
from .recurrent_layers import CELLS, recurrent_layer
from .registry import function

_OF_BATCH = ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
_OF_PACKED = ("data", "batch_sizes", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")
_PIECE = 32  # time steps of a long sequence that are computed together


# -- a whole network -----------------------------------------------------------------------------------------------------


class _Weights(NamedTuple):
    """What one layer in one direction has."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    projection: Tensor | None


class _Packing(NamedTuple):
    """How packed rows lie in ``(steps, batch)``; for a plain batch all are None."""

    place: Tensor | None = None
    rows: Tensor | None = None
    present: Tensor | None = None

    def spread(self, x: Tensor) -> Tensor:
        return x if self.rows is None else padded_rows(x, self.rows, self.present)

    def gather(self, x: Tensor) -> Tensor:
        return x if self.place is None else packed_rows(x, self.place)


def _grouped(name: str, params, has_biases: bool, count: int) -> list[_Weights]:
    """The flat list of parameters by layer and direction."""
    params = list(params)
    each, left = divmod(len(params), count) if count else (0, 1)
    plain = 4 if has_biases else 2
    projects = name == "lstm" and each == plain + 1
    if left or not (each == plain or projects):
        raise RuntimeError(f"{name}: expected {plain} parameters for each of {count} layers and directions, but got {len(params)}")
    groups = []
    for i in range(0, len(params), each):
        w_ih, w_hh, *rest = params[i : i + each]
        b_ih, b_hh = rest[:2] if has_biases else (None, None)
        groups.append(_Weights(w_ih, w_hh, b_ih, b_hh, rest[-1] if projects else None))
    return groups


def _check_states(name: str, states, count: int, batch: int) -> None:
    for state in states:
        if state.ndim != 3 or state.shape[0] < count or state.shape[1] != batch:
            raise RuntimeError(f"{name}: expected a hidden state of shape ({count}, {batch}, hidden_size), but got {list(state.shape)}")


def _lengths(steps: int, packed: bool) -> list[int]:
    """The numbers of time steps that are computed together.

    Two batches of packed sequences hardly have one length: the pieces of all are powers of two, whose programs are soon known.
    """
    if not packed and steps <= 2 * _PIECE:
        return [steps]
    whole, rest = divmod(steps, _PIECE)
    powers = [1 << k for k in reversed(range(rest.bit_length())) if rest >> k & 1]
    return [_PIECE] * whole + (powers if packed else [rest] * (rest > 0))


def _settle(grad=None) -> None:
    """Run what is pending, so that a piece of a sequence is a program of its own, forward and backward: pieces of one length share
    it, whatever surrounds them."""
    if not _window.current.tracing:
        _window.run(behind=True)


def _in_one_dtype(name: str, x: Tensor, state, group: _Weights):
    """Under autocast products are in lower precision: simple networks go on in it, others in the precision of their states."""
    if x.dtype is state[0].dtype:
        return x, state, group
    dtype = x.dtype if name.startswith("rnn") else state[0].dtype
    group = _Weights(*[None if w is None else w.to(dtype) for w in group])
    return x.to(dtype), tuple([s.to(dtype) for s in state]), group


def _layer(name: str, projected: Tensor, state, group: _Weights, present, reverse: bool) -> list[Tensor]:
    """The states of one layer in one direction at all time steps; long sequences go in pieces."""
    projected, state, group = _in_one_dtype(name, projected, state, group)
    lengths = _lengths(projected.shape[0], present is not None)
    inputs = projected.split(lengths)
    masks = [None] * len(lengths) if present is None else present.split(lengths)
    if len(lengths) > 1:
        _settle()
    pieces = []
    order = range(len(lengths))
    for i in reversed(order) if reverse else order:
        *found, _ = recurrent_layer(inputs[i], state, group.w_hh, group.b_hh, group.projection, masks[i], name, reverse)
        if len(lengths) == 1:
            return found
        pieces.append(found)
        state = tuple([s[0 if reverse else -1] for s in found])
        _settle()
        for x in (inputs[i], found[0]):  # before and after the piece's backward
            if x.requires_grad:
                x.register_hook(_settle)
    return [cat(part) for part in zip(*(reversed(pieces) if reverse else pieces))]


def _run(name: str, x: Tensor, states, weights: list[_Weights], packing: _Packing, directions: int, dropout: float):
    """The output of the last layer, and the last states of each layer and direction."""
    last: list = []
    for i, group in enumerate(weights):
        reverse = directions == 2 and i % 2 == 1
        if not reverse:
            outputs = []
            layer_input = drop(x, dropout) if i and dropout else x
        present = None if packing.present is None else packing.present.unsqueeze(-1)
        projected = packing.spread(linear(layer_input, group.w_ih, group.b_ih))
        found = _layer(name, projected, tuple([s[i] for s in states]), group, present, reverse)
        last.append([s[0 if reverse else -1] for s in found])
        outputs.append(packing.gather(found[0]))
        if len(outputs) == directions:
            x = outputs[0] if directions == 1 else cat(outputs, -1)
    return x, *[stack(part) for part in zip(*last)]


def _network(name: str, given: dict, packed: bool):
    states = given["hx"]
    if name == "lstm" and (isinstance(states, Tensor) or len(states) != 2):
        raise RuntimeError("lstm expects two hidden states")
    states = (states,) if isinstance(states, Tensor) else tuple(states)
    directions = 2 if given["bidirectional"] else 1
    count = given["num_layers"] * directions
    weights = _grouped(name, given["params"], given["has_biases"], count)
    dropout = given["dropout"] if given["train"] else 0.0
    if packed:
        packing = _Packing(*places(given["batch_sizes"]))
        _check_states(name, states, count, packing.present.shape[1])
        return _run(name, given["data"], states, weights, packing, directions, dropout)
    batch_first = given["batch_first"]
    x = given["input"].transpose(0, 1) if batch_first else given["input"]
    if not x.shape[0]:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    _check_states(name, states, count, x.shape[1])
    output, *last = _run(name, x, states, weights, _Packing(), directions, dropout)
    return (output.transpose(0, 1) if batch_first else output), *last


def _arguments(name: str, positional: tuple, named: dict) -> tuple[dict, bool]:
    """The arguments by name, and whether they are of the form for packed data."""
    named = {k: v for k, v in named.items() if v is not None}
    second_is_tensor = len(positional) > 1 and isinstance(positional[1], Tensor)
    packed = "batch_sizes" in named or second_is_tensor and (
        name == "lstm" or "params" in named or len(positional) > 2 and isinstance(positional[2], Tensor))
    names = _OF_PACKED if packed else _OF_BATCH
    if len(positional) > len(names):
        raise TypeError(f"{name}() takes {len(names)} positional arguments but {len(positional)} were given")
    given = dict(zip(names, positional))
    wrong = [k for k in named if k in given or k not in names]
    given.update(named)
    missing = [n for n in names if n not in given]
    if wrong or missing:
        raise TypeError(f"{name}() received an invalid combination of arguments: expected ({', '.join(names)}), "
                        f"but got wrong {wrong} and missed {missing}")
    if not isinstance(given[names[0]], Tensor):
        raise TypeError(f"{name}(): argument '{names[0]}' (position 1) must be Tensor, not {type(given[names[0]]).__name__}")
    return given, packed


def _declare(name: str, what: str):
    def network(*args, input=None, data=None, batch_sizes=None, hx=None, params=None, has_biases=None, num_layers=None, dropout=None,
                train=None, bidirectional=None, batch_first=None):
        named = {"input": input, "data": data, "batch_sizes": batch_sizes, "hx": hx, "params": params, "has_biases": has_biases,
                 "num_layers": num_layers, "dropout": dropout, "train": train, "bidirectional": bidirectional,
                 "batch_first": batch_first}
        return _network(name, *_arguments(name, args, named))

    network.__name__ = network.__qualname__ = name
    network.__doc__ = f"""{what}

    Called as ``({', '.join(_OF_BATCH)})`` or, on packed sequences, as ``({', '.join(_OF_PACKED)})``. ``input`` is ``(steps, batch,
    features)``, or ``(batch, steps, features)`` with ``batch_first``; ``params`` are the weights of each layer and direction in the
    order of ``nn.RNNBase``. ``dropout`` drops the input of all layers but the first while ``train``. Gives the outputs of the last
    layer and the last states ``(num_layers * directions, batch, hidden_size)``. Raises ``RuntimeError`` for no time steps, and for
    states or parameters that do not fit.
    """
    return function()(network)


rnn_tanh = _declare("rnn_tanh", "A network of ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``.")
rnn_relu = _declare("rnn_relu", "A network of ``h' = relu(W_ih x + b_ih + W_hh h + b_hh)``.")
lstm = _declare("lstm", "A long short-term memory; ``hx`` is the pair of hidden and cell states.")
gru = _declare("gru", "A network of gated recurrent units.")


# -- one step --------------------------------------------------------------------------------------------------------------


@operator("recurrent_step(Tensor x, Tensor a, Tensor[] state, str kind)", namespace=None, opmath=True)
def _step(x, a, state, kind):
    made = CELLS[kind].step(x, a, state)
    return made if len(made) > 1 else made[0]


@_step.gradient
def _(grads, saved):
    cell = CELLS[saved.kind]
    grads = grads if isinstance(grads, tuple) else (grads,)
    to_x, to_a, to_state = cell.backward(saved.x, saved.a, saved.state, grads)
    return to_x, to_a, *to_state


def _check_cell(name: str, input, state, w_ih, gates: int) -> None:
    if input.shape[-1] != w_ih.shape[1]:
        raise RuntimeError(f"{name}: input has inconsistent input_size: got {input.shape[-1]} expected {w_ih.shape[1]}")
    for i, part in enumerate(state):
        if part.shape[0] != input.shape[0] and input.ndim > 1:
            raise RuntimeError(f"{name}: Input batch size {input.shape[0]} doesn't match hidden{i} batch size {part.shape[0]}")
    if w_ih.shape[0] != gates * state[0].shape[-1]:
        raise RuntimeError(f"{name}: hidden0 has inconsistent hidden_size: got {state[0].shape[-1]}, expected {w_ih.shape[0] // gates}")


def _cell(name: str, kind: str, input, state, w_ih, w_hh, b_ih, b_hh):
    gates = CELLS[kind].gates
    _check_cell(name, input, state, w_ih, gates)
    if w_hh.shape != (w_ih.shape[0], state[0].shape[-1]):
        raise RuntimeError(f"{name}: hidden0 has inconsistent hidden_size: got {state[0].shape[-1]}, expected {w_hh.shape[1]}")
    x, a = linear(input, w_ih, b_ih), linear(state[0], w_hh, b_hh)
    if x.dtype is not state[0].dtype:  # autocast: as for whole networks; a simple cell's state has no part in the result
        if kind.startswith("rnn"):
            state = tuple([s.to(x.dtype) for s in state])
        else:
            x, a = x.to(state[0].dtype), a.to(state[0].dtype)
    return _step(x, a, state, kind)


@function()
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """``tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)``: the next hidden state ``(batch, hidden_size)``."""
    return _cell("rnn_tanh_cell", "rnn_tanh", input, (hx,), w_ih, w_hh, b_ih, b_hh)


@function()
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """As ``rnn_tanh_cell``, with ``relu``."""
    return _cell("rnn_relu_cell", "rnn_relu", input, (hx,), w_ih, w_hh, b_ih, b_hh)


@function()
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a long short-term memory: the next hidden and cell state of the pair ``hx``."""
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    return _cell("lstm_cell", "lstm", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)


@function()
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of gated recurrent units: the next hidden state ``(batch, hidden_size)``."""
    return _cell("gru_cell", "gru", input, (hx,), w_ih, w_hh, b_ih, b_hh)
