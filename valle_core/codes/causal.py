"""Runs causal convolutional networks piece by piece: pieces joined equal the whole, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Residual:
    """Two branches whose outputs are added."""

    block: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


Layer = nn.Conv1d | nn.ConvTranspose1d | nn.LSTM | nn.ELU | Residual
"""A convolution without padding of its own (it is padded at its start by reflection, by kernel − stride), a transposed
one (trimmed at its end by kernel − stride), an LSTM that is added to its input, an activation, or two branches."""


class CausalStack:
    """The state of a network between two pieces.

    The first piece must hold at least `first_frames(layers)` inputs, and each but the last a multiple of all strides.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = [_state_of(layer) for layer in layers]

    def push(self, x: Float[Tensor, "B C T"], *, end: bool = False) -> Float[Tensor, "B D U"]:
        """Outputs of the next inputs; `end` rounds up to whole strides, by reflection."""
        for layer in self._layers:
            x = layer.push(x, end=end)
        return x


def first_frames(layers: Iterable[Layer], scale: int = 1) -> int:
    """Inputs of a decoder that let every layer reflect its beginning; `scale` is the samples of an input before it."""
    needed = 1
    for layer in layers:
        if isinstance(layer, Residual):
            needed = max(needed, first_frames(layer.block, scale), first_frames(layer.shortcut, scale))
        elif isinstance(layer, nn.ConvTranspose1d):
            scale *= layer.stride[0]
        elif isinstance(layer, nn.Conv1d):
            needed = max(needed, math.ceil((_padding(layer) + 1) / scale))
    return needed


def _padding(conv: nn.Conv1d) -> int:
    return (conv.kernel_size[0] - 1) * conv.dilation[0] + 1 - conv.stride[0]


class _Conv:
    def __init__(self, conv: nn.Conv1d) -> None:
        self._conv, self._held = conv, None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        padding, stride = _padding(self._conv), self._conv.stride[0]
        if end and x.shape[-1] % stride:
            x = F.pad(x, (0, -x.shape[-1] % stride), mode="reflect")
        if self._held is not None:
            x = torch.cat([self._held, x], dim=-1)
        elif padding:
            x = F.pad(x, (padding, 0), mode="reflect")
        self._held = x[..., x.shape[-1] - padding :]
        return self._conv(x)


class _Upsampling:
    def __init__(self, conv: nn.ConvTranspose1d) -> None:
        self._conv, self._held = conv, None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        kernel, stride = self._conv.kernel_size[0], self._conv.stride[0]
        past = math.ceil(kernel / stride) - 1
        held = x[..., :0] if self._held is None else self._held
        x, count = torch.cat([held, x], dim=-1), x.shape[-1]
        self._held = x[..., max(x.shape[-1] - past, 0) :]
        start = held.shape[-1] * stride
        return self._conv(x)[..., start : start + count * stride]


class _Recurrence:
    def __init__(self, lstm: nn.LSTM) -> None:
        self._lstm, self._state = lstm, None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        steps = x.permute(2, 0, 1)
        y, self._state = self._lstm(steps, self._state)
        return (y + steps).permute(1, 2, 0)


class _Activation:
    def __init__(self, function: nn.ELU) -> None:
        self._function = function

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        return self._function(x)


class _Branches:
    def __init__(self, layer: Residual) -> None:
        self._block, self._shortcut = CausalStack(layer.block), CausalStack(layer.shortcut)

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        return self._shortcut.push(x, end=end) + self._block.push(x, end=end)


def _state_of(layer: Layer) -> _Conv | _Upsampling | _Recurrence | _Activation | _Branches:
    match layer:
        case nn.Conv1d():
            return _Conv(layer)
        case nn.ConvTranspose1d():
            return _Upsampling(layer)
        case nn.LSTM():
            return _Recurrence(layer)
        case Residual():
            return _Branches(layer)
        case _:
            return _Activation(layer)
