"""The LSTM of streaming codecs as a layer of a `valle_kit.codes.stack.Stack`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.codes.convolutions import State
from valle_kit.few import Few

FEW = 32
"""Steps times rows up to which cell by cell is faster on a CPU: oneDNN lays an LSTM's weights out anew at each call."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """An LSTM (of one direction, with biases) that is added to its input [B, C, T]."""

    lstm: nn.LSTM

    def reach(self, last: int) -> int:
        """See `Layer`."""
        return last

    def state(self, axis: int) -> State:
        """See `Layer`."""
        assert axis == 2
        return _RecurrenceState(self.lstm)


class _RecurrenceState:
    def __init__(self, lstm: nn.LSTM) -> None:
        self._lstm, self._state = lstm, None
        self._cells = Cells(lstm)

    def push(self, x: Float[Tensor, "B C T"], *, end: bool) -> Float[Tensor, "B C T"]:
        if not x.shape[2]:
            return x
        steps = x.permute(2, 0, 1)
        if x.device.type == "cpu" and x.shape[2] * x.shape[0] <= FEW and self._state is not None:
            y, self._state = self._cells(steps, self._state)
        else:
            y, self._state = self._lstm(steps, self._state)
        return (y + steps).permute(1, 2, 0)


class Cells:
    """What an LSTM makes of the steps one after the other, but for roundings; for one stream."""

    def __init__(self, lstm: nn.LSTM) -> None:
        self._layers = [
            (Few(_linear(of_input, bias_of_input)), Few(_linear(of_state, bias_of_state)))
            for of_input, of_state, bias_of_input, bias_of_state in lstm.all_weights
        ]

    def __call__(
        self, steps: Float[Tensor, "T B C"], state: tuple[Float[Tensor, "n B C"], Float[Tensor, "n B C"]]
    ) -> tuple[Float[Tensor, "T B C"], tuple[Float[Tensor, "n B C"], Float[Tensor, "n B C"]]]:
        hidden, cells = list(state[0]), list(state[1])
        for layer, (of_input, of_state) in enumerate(self._layers):
            outputs = []
            for step in steps:
                enter, forget, new, leave = of_input(step).add_(of_state(hidden[layer])).chunk(4, dim=-1)
                kept = forget.sigmoid_() * cells[layer]
                cells[layer] = kept.addcmul_(enter.sigmoid_(), new.tanh_())
                hidden[layer] = leave.sigmoid_() * cells[layer].tanh()
                outputs.append(hidden[layer])
            steps = torch.stack(outputs)
        return steps, (torch.stack(hidden), torch.stack(cells))


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    linear.weight, linear.bias = (nn.Parameter(one.detach(), requires_grad=False) for one in (weight, bias))
    return linear
