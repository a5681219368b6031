"""Recurrent layers over sequences."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, cast

from ... import ops
from ...tensor import Tensor
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module
from .rnn_cells import GRUCell, LSTMCell, RNNCell, RNNCellBase

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
Hidden = Tensor | tuple[Tensor, Tensor]


def _reordered(states: tuple[Tensor, ...], permutation: Tensor | None) -> tuple[Tensor, ...]:
    """States with their samples (dimension 1) in another order."""
    return states if permutation is None else tuple(s.index_select(1, permutation) for s in states)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: their weights and the walk over layers, directions and time.

    Each layer and direction has ``weight_ih_l{k}``, ``weight_hh_l{k}``, with ``bias`` also ``bias_ih_l{k}`` and ``bias_hh_l{k}``, with
    ``proj_size`` also ``weight_hr_l{k}``; those of the way back end in ``_reverse``. All start uniform within
    ``1 / sqrt(hidden_size)``.

    Raises ValueError for sizes that are not positive, a ``dropout`` outside [0, 1] and a ``proj_size`` that is not
    smaller than ``hidden_size``; TypeError for arguments of wrong types.
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_arguments()
        self.dropout = float(dropout)
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(self._directions):
                self._add_weights(layer, direction, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _check_arguments(self) -> None:
        dropout = self.dropout
        if not isinstance(dropout, numbers.Real) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                f"{self.mode}: dropout should be a number in range [0, 1], the probability of an element to be zeroed, got {dropout!r}"
            )
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater "
                f"than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {self.mode}")

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        """The size of the hidden state as the next step and the next layer see it."""
        return self.proj_size or self.hidden_size

    def _add_weights(self, layer: int, direction: int, factory_kwargs: dict) -> None:
        gates = _GATES[self.mode] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, self.input_size if layer == 0 else self._output_size * self._directions),
            "weight_hh": (gates, self._output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        suffix = "_reverse" if direction == 1 else ""
        names = []
        for kind, shape in shapes.items():
            names.append(f"{kind}_l{layer}{suffix}")
            setattr(self, names[-1], Parameter(ops.empty(shape, **factory_kwargs)))
        self._flat_weights_names.extend(names)
        self._all_weights.append(names)

    @property
    def _flat_weights(self) -> list[Tensor]:
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing: only libraries of GPUs want all weights in one piece of memory."""

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise ValueError for a dtype other than the weights', RuntimeError for a wrong number of dimensions or features."""
        own = self._flat_weights[0].dtype
        if input.dtype != own and not ops._is_any_autocast_enabled():
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({own}). "
                f"Convert input: input.to({own}), or convert model: model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _batch(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        if batch_sizes is not None:
            return int(batch_sizes[0])
        return input.size(0) if self.batch_first else input.size(1)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the hidden state must have for this input."""
        return (self.num_layers * self._directions, self._batch(input, batch_sizes), self._output_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise RuntimeError for a state of another shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise for an input or a state that does not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """A state with its samples in another order."""
        return _reordered((hx,), permutation)[0]

    def _first_state(self, input: Tensor, batch_sizes: Tensor | None) -> Hidden:
        shape = self.get_expected_hidden_size(input, batch_sizes)
        return ops.zeros(shape, dtype=input.dtype, device=input.device)

    def _check_dims(self, hx: Hidden, batched: bool) -> None:
        wanted, kind = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        states = hx if isinstance(hx, tuple) else (hx,)
        if any(s.dim() != wanted for s in states):
            found = ", ".join(f"{s.dim()}-D" for s in states)
            raise RuntimeError(f"For {kind} input, hx should also be {wanted}-D but got {found} tensor")

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Outputs of the last layer ``(L, N, D * size)``, ``(N, L, ...)`` with ``batch_first`` or packed as the input is, and the last
        states ``(D * num_layers, N, size)``; without a batch, both lack ``N``."""
        hx = tuple(hx) if isinstance(hx, list) else hx
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead")
        batched = input.dim() == 3
        if hx is not None:
            self._check_dims(hx, batched)
        if batched:
            return self._run(input, hx)
        batch_dim = 0 if self.batch_first else 1
        if hx is not None:
            hx = tuple(s.unsqueeze(1) for s in hx) if isinstance(hx, tuple) else hx.unsqueeze(1)
        output, last = self._run(input.unsqueeze(batch_dim), hx)
        last = tuple(s.squeeze(1) for s in last) if isinstance(last, tuple) else last.squeeze(1)
        return output.squeeze(batch_dim), last

    def _run(self, input: Tensor, hx: Any) -> tuple[Tensor, Any]:
        hx = self._first_state(input, None) if hx is None else hx
        self.check_forward_args(input, hx, None)
        function = getattr(ops, self.mode.lower())
        return self._results(function(input, hx, self._flat_weights, *self._options(), self.batch_first))

    def _forward_packed(self, sequence: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, batch_sizes, order, back = sequence
        hx = self._first_state(data, batch_sizes) if hx is None else self.permute_hidden(hx, order)
        self.check_forward_args(data, hx, batch_sizes)
        function = getattr(ops, self.mode.lower())
        output, last = self._results(function(data, batch_sizes, hx, self._flat_weights, *self._options()))
        return PackedSequence(output, batch_sizes, order, back), self.permute_hidden(last, back)

    def _options(self) -> tuple[bool, int, float, bool, bool]:
        return self.bias, self.num_layers, self.dropout, self.training, self.bidirectional

    def _results(self, results: tuple) -> tuple[Tensor, Any]:
        return results[0], results[1]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        parts += [f"{name}={getattr(self, name)}" for name, usual in defaults.items() if getattr(self, name) != usual]
        return ", ".join(parts)


class RNN(RNNBase):
    """Layers of ``h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``; with ``nonlinearity="relu"``, of relu.

    Takes ``(L, N, input_size)`` and ``h_0 (D * num_layers, N, hidden_size)``, zeros by default. Arguments: ``input_size, hidden_size,
    num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args[:3], *args[4:], **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Layers of long short-term memory (Hochreiter and Schmidhuber, 1997), with projected hidden states if ``proj_size`` is set.

    Takes ``(L, N, input_size)`` and the pair ``h_0 (D * num_layers, N, proj_size or hidden_size)`` and ``c_0 (D * num_layers, N,
    hidden_size)``, zeros by default. Gates lie in the weights in the order input, forget, cell, output. Arguments: ``input_size,
    hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the cell state must have for this input."""
        return (self.num_layers * self._directions, self._batch(input, batch_sizes), self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise for an input or states that do not fit."""
        self.check_input(input, batch_sizes)
        wanted = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        for i, shape in enumerate(wanted):
            self.check_hidden_size(hidden[i], shape, f"Expected hidden[{i}] size {{}}, got {{}}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The pair of states with their samples in another order."""
        return _reordered(hx, permutation)

    def _first_state(self, input: Tensor, batch_sizes: Tensor | None) -> Hidden:
        cell = ops.zeros(self.get_expected_cell_size(input, batch_sizes), dtype=input.dtype, device=input.device)
        return cast(Tensor, super()._first_state(input, batch_sizes)), cell

    def _results(self, results: tuple) -> tuple[Tensor, Any]:
        return results[0], tuple(results[1:])


class GRU(RNNBase):
    """Layers of gated recurrent units (Cho et al., 2014).

    Takes ``(L, N, input_size)`` and ``h_0 (D * num_layers, N, hidden_size)``, zeros by default. Gates lie in the weights in the order
    reset, update, new. Arguments: ``input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, device=None, dtype=None``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


def _refuse_projection(kwargs: dict) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
