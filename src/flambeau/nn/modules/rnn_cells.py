"""One time step of a recurrent layer."""

from __future__ import annotations

import math
from typing import Any

from ... import ops
from ...tensor import Tensor
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


def _check_dims(name: str, what: str, x: Tensor) -> None:
    if x.dim() not in (1, 2):
        raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {x.dim()}D instead")


class RNNCellBase(Module):
    """What the cells share: ``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh``, uniform within ``1 / sqrt(hidden_size)``.

    ``num_chunks`` gates of ``hidden_size`` lie one after the other in each.
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        factory_kwargs = {"device": device, "dtype": dtype}
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(ops.empty((gates, input_size), **factory_kwargs))
        self.weight_hh = Parameter(ops.empty((gates, hidden_size), **factory_kwargs))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(ops.empty(gates, **factory_kwargs)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _zeros(self, input: Tensor) -> Tensor:
        shape = (*input.shape[:-1], self.hidden_size)
        return ops.zeros(shape, dtype=input.dtype, device=input.device)

    def _weights(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _step(self, function: Any, input: Tensor, hx: Tensor | None) -> Tensor:
        """The next hidden state of cells that have no other."""
        name = type(self).__name__
        _check_dims(name, "input", input)
        if hx is None:
            hx = self._zeros(input)
        _check_dims(name, "hidden", hx)
        if input.dim() == 2:
            return function(input, hx, *self._weights())
        return function(input.unsqueeze(0), hx.unsqueeze(0), *self._weights()).squeeze(0)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """``tanh(W_ih x + b_ih + W_hh h + b_hh)``, or relu: (N, input_size) and (N, hidden_size) to (N, hidden_size)."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(ops.rnn_tanh_cell if self.nonlinearity == "tanh" else ops.rnn_relu_cell, input, hx)


class LSTMCell(RNNCellBase):
    """A step of long short-term memory: (N, input_size) and the pair of states (N, hidden_size) to the next pair."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        _check_dims("LSTMCell", "input", input)
        if hx is None:
            hx = (self._zeros(input), self._zeros(input))
        for i, state in enumerate(hx):
            _check_dims("LSTMCell", f"hx[{i}]", state)
        if input.dim() == 2:
            return ops.lstm_cell(input, hx, *self._weights())
        hidden, cell = ops.lstm_cell(input.unsqueeze(0), [s.unsqueeze(0) for s in hx], *self._weights())
        return hidden.squeeze(0), cell.squeeze(0)


class GRUCell(RNNCellBase):
    """A step of gated recurrent units: (N, input_size) and (N, hidden_size) to (N, hidden_size)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(ops.gru_cell, input, hx)
