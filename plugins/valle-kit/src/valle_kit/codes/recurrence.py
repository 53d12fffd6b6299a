"""The LSTM of streaming codecs as a layer of a `valle_kit.codes.stack.Stack`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.codes.convolutions import State

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

    def push(self, x: Float[Tensor, "B C T"], *, end: bool) -> Float[Tensor, "B C T"]:
        if not x.shape[2]:
            return x
        steps = x.permute(2, 0, 1)
        if x.device.type == "cpu" and x.shape[2] * x.shape[0] <= FEW and self._state is not None:
            y, self._state = cell_by_cell(self._lstm, steps, self._state)
        else:
            y, self._state = self._lstm(steps, self._state)
        return (y + steps).permute(1, 2, 0)


def cell_by_cell(
    lstm: nn.LSTM, steps: Float[Tensor, "T B C"], state: tuple[Float[Tensor, "n B C"], Float[Tensor, "n B C"]]
) -> tuple[Float[Tensor, "T B C"], tuple[Float[Tensor, "n B C"], Float[Tensor, "n B C"]]]:
    """What the LSTM makes of the steps, but for roundings."""
    hidden, cells = list(state[0]), list(state[1])
    for layer, weights in enumerate(lstm.all_weights):
        outputs = []
        for step in steps:
            hidden[layer], cells[layer] = torch.lstm_cell(step, (hidden[layer], cells[layer]), *weights)
            outputs.append(hidden[layer])
        steps = torch.stack(outputs)
    return steps, (torch.stack(hidden), torch.stack(cells))
