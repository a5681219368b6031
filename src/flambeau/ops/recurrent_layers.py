"""One recurrent layer in one direction over all time steps, as a single operator.

A cell's arithmetic is elementwise: of the input's share of the gates ``x`` (one product for all time steps, made before), of the
hidden state's share ``a`` and of the state. The layer alternates it with the product that makes ``a``. Backward walks the steps from
the end; the gradients of the weights are one product each, over all time steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..tensor import Tensor
from .activations import relu
from .creation import filled
from .joining import cat, stack
from .matmul import linear, matmul
from .operator import operator
from .selection import where
from .transcendental import sigmoid, tanh


class Cell(NamedTuple):
    """``step(x, a, state)`` gives the new state; ``backward(x, a, state, grads)`` the gradients of x, a and the state.

    ``x`` and ``a`` are ``(..., gates * hidden_size)``; a state is a tuple of ``(..., hidden_size)``.
    """

    gates: int
    states: int
    step: Callable
    backward: Callable


def _parts(x: Tensor, count: int) -> tuple[Tensor, ...]:
    return x.chunk(count, -1)


def _lstm_step(x, a, state):
    into, keep, new, out = _parts(x + a, 4)
    cell = sigmoid(keep) * state[1] + sigmoid(into) * tanh(new)
    return sigmoid(out) * tanh(cell), cell


def _lstm_backward(x, a, state, grads):
    into, keep, new, out = _parts(x + a, 4)
    into, keep, new, out = sigmoid(into), sigmoid(keep), tanh(new), sigmoid(out)
    bent = tanh(keep * state[1] + into * new)
    to_cell = grads[1] + grads[0] * out * (1 - bent * bent)
    gates = cat([to_cell * new * into * (1 - into), to_cell * state[1] * keep * (1 - keep), to_cell * into * (1 - new * new),
                 grads[0] * bent * out * (1 - out)], -1)
    return gates, gates, (None, to_cell * keep)


def _gru_gates(x, a):
    x_reset, x_update, x_new = _parts(x, 3)
    a_reset, a_update, a_new = _parts(a, 3)
    reset = sigmoid(x_reset + a_reset)
    return reset, sigmoid(x_update + a_update), tanh(x_new + reset * a_new), a_new


def _gru_step(x, a, state):
    _, update, new, _ = _gru_gates(x, a)
    return (new + update * (state[0] - new),)


def _gru_backward(x, a, state, grads):
    reset, update, new, a_new = _gru_gates(x, a)
    to_new = grads[0] * (1 - update) * (1 - new * new)
    to_update = grads[0] * (state[0] - new) * update * (1 - update)
    to_reset = to_new * a_new * reset * (1 - reset)
    return cat([to_reset, to_update, to_new], -1), cat([to_reset, to_update, to_new * reset], -1), (grads[0] * update,)


def _tanh_backward(x, a, state, grads):
    y = tanh(x + a)
    gates = grads[0] * (1 - y * y)
    return gates, gates, (None,)


def _relu_backward(x, a, state, grads):
    gates = where(x + a > 0, grads[0], 0.0)
    return gates, gates, (None,)


CELLS = {
    "lstm": Cell(4, 2, _lstm_step, _lstm_backward),
    "gru": Cell(3, 1, _gru_step, _gru_backward),
    "rnn_tanh": Cell(1, 1, lambda x, a, state: (tanh(x + a),), _tanh_backward),
    "rnn_relu": Cell(1, 1, lambda x, a, state: (relu(x + a),), _relu_backward),
}


def _order(steps: int, reverse: bool) -> range:
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _kept(present, new, old):
    """The new state of the samples that have this time step, the old one of the others."""
    return new if present is None else tuple([where(present, n, o) for n, o in zip(new, old)])


@operator("recurrent_layer(Tensor x, Tensor[] state, Tensor weight, Tensor? bias, Tensor? projection, Tensor? present, str kind, "
          "bool reverse)", namespace=None, opmath=True)
def recurrent_layer(x, state, weight, bias, projection, present, kind, reverse):
    """All states of a layer: ``(steps, batch, size)`` for each part of the state, then the hidden state's shares of the gates.

    ``x (steps, batch, gates * hidden_size)`` is the projected input, ``state`` the first state, ``weight (gates * hidden_size, size)``
    with ``bias`` makes the hidden state's share, ``projection (size, hidden_size)`` shortens the hidden state. ``present (steps,
    batch, 1)`` is False where a sample has ended: its state stays. ``reverse`` begins at the last step.
    """
    cell, steps = CELLS[kind], x.shape[0]
    states, shares = [()] * steps, [()] * steps
    into_gates = weight.t().contiguous()  # once, not in each of the products
    for t in _order(steps, reverse):
        shares[t] = matmul(state[0], into_gates)
        if bias is not None:
            shares[t] = shares[t] + bias
        new = cell.step(x[t], shares[t], state)
        if projection is not None:
            new = (linear(new[0], projection), *new[1:])
        state = states[t] = _kept(None if present is None else present[t], new, state)
    return *[stack(part) for part in zip(*states)], stack(shares)


def _before(first, all_states, reverse: bool):
    """The state that each time step began with."""
    first = first.unsqueeze(0)
    return cat([all_states[1:], first]) if reverse else cat([first, all_states[:-1]])


def _added(first, second):
    if first is None or second is None:
        return second if first is None else first
    return first + second


class _Backward(NamedTuple):
    """Gradients of each step, in order of time, and of the first state."""

    x: Tensor
    shares: Tensor
    hidden: Tensor  # of the hidden state before its projection and before samples that ended kept theirs
    state: tuple


def _walk_back(grads, saved, before) -> _Backward:
    cell, steps, shares = CELLS[saved.kind], saved.x.shape[0], saved.outputs[-1]
    to_x, to_shares, to_hidden = [()] * steps, [()] * steps, [()] * steps
    carried: tuple = (None,) * cell.states
    for t in _order(steps, not saved.reverse):
        carried = tuple([_added(None if g is None else g[t], c) for g, c in zip(grads, carried)])
        carried = tuple([filled(tuple(s.shape[1:]), 0, s.dtype) if c is None else c for s, c in zip(before, carried)])
        arrived = kept = carried
        if saved.present is not None:
            arrived = tuple([where(saved.present[t], c, 0.0) for c in carried])
            kept = tuple([where(saved.present[t], 0.0, c) for c in carried])
        to_hidden[t] = arrived[0]
        if saved.projection is not None:
            arrived = (matmul(arrived[0], saved.projection), *arrived[1:])
        to_x[t], to_share, to_state = cell.backward(saved.x[t], shares[t], tuple([s[t] for s in before]), arrived)
        to_shares[t] = to_share if grads[-1] is None else to_share + grads[-1][t]
        through = (_added(to_state[0], matmul(to_shares[t], saved.weight)), *to_state[1:])
        carried = through if saved.present is None else tuple([_added(a, b) for a, b in zip(through, kept)])
    all_x = stack(to_x)
    all_shares = all_x if all(x is share for x, share in zip(to_x, to_shares)) else stack(to_shares)
    return _Backward(all_x, all_shares, stack(to_hidden), carried)


def _weight_gradient(grad, factor):
    """The sum over time steps and samples of products of a gradient's and a factor's elements."""
    return matmul(grad.flatten(0, 1).t(), factor.flatten(0, 1))


@recurrent_layer.gradient
def _(grads, saved):
    cell, states = CELLS[saved.kind], saved.outputs[:-1]
    before = tuple([_before(first, s, saved.reverse) for first, s in zip(saved.state, states)])
    back = _walk_back(grads, saved, before)
    result = [back.x, *back.state, _weight_gradient(back.shares, before[0])]
    if saved.bias is not None:
        result.append(back.shares.sum((0, 1)))
    if saved.projection is not None:
        hidden = cell.step(saved.x, saved.outputs[-1], before)[0]
        result.append(_weight_gradient(back.hidden, hidden))
    if saved.present is not None:
        result.append(None)
    return tuple(result)


recurrent_layer.operator.zero_gradients = False
