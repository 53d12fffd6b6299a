"""Runs causal convolutional networks chunk by chunk: chunks joined equal the whole, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.codes.chunks import spans


@dataclass(frozen=True, slots=True)
class Residual:
    """Two branches whose outputs are added."""

    block: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


Layer = nn.Conv1d | nn.ConvTranspose1d | nn.LSTM | nn.ELU | Residual
"""A convolution without padding of its own (it is padded at its start by reflection, by kernel − stride), a transposed
one (trimmed at its end by kernel − stride), an LSTM that is added to its input, an activation, or two branches."""


def encoded(
    layers: Sequence[Layer], wav: Float[Tensor, "n"], hop: int, frames: int
) -> Iterator[Float[Tensor, "1 d f"]]:
    """Latents of a sound of at least `longest_padding(layers)` + 1 frames, from chunks of `frames` (the last may hold
    nearly two of them)."""
    stack = CausalStack(layers)
    for start, stop in (total := spans(-(-len(wav) // hop), frames)):
        end = stop == total[-1][1]
        yield stack.push(wav[None, None, start * hop : None if end else stop * hop], end=end)


class CausalStack:
    """The state of a network between two chunks.

    The first chunk must hold at least `first_frames(layers)` inputs, and each but the last a multiple of all strides.
    In one chunk, what comes out is that of the network's own modules to the last bit, with fewer copies on the way.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = _states_of(layers)

    def push(self, x: Float[Tensor, "B C T"], *, end: bool = False) -> Float[Tensor, "B D U"]:
        """Outputs of the next inputs; `end` rounds up to whole strides, by reflection. The input stays as it is."""
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


def longest_padding(layers: Iterable[Layer]) -> int:
    """Most steps that a layer reflects."""
    longest = 0
    for layer in layers:
        if isinstance(layer, Residual):
            longest = max(longest, longest_padding(layer.block), longest_padding(layer.shortcut))
        elif isinstance(layer, nn.Conv1d):
            longest = max(longest, _padding(layer))
    return longest


def _padding(conv: nn.Conv1d) -> int:
    return (conv.kernel_size[0] - 1) * conv.dilation[0] + 1 - conv.stride[0]


class _Conv:
    """An activation, if any, and a convolution; `fresh` says that the input may be overwritten."""

    def __init__(self, conv: nn.Conv1d, activation: nn.ELU | None, *, fresh: bool) -> None:
        self._conv, self._activation, self._fresh = conv, activation, fresh
        self._padding, self._stride = _padding(conv), conv.stride[0]
        self._held: Tensor | None = None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        pad, fresh = self._padding, self._fresh
        if self._held is None and x.shape[-1] <= pad:
            raise ValueError(f"a beginning of {x.shape[-1]} steps cannot be reflected for a padding of {pad}")
        before = x[..., 1 : pad + 1].flip(-1) if self._held is None else self._held
        parts = [before, x] if pad else [x]
        if end and (more := -x.shape[-1] % self._stride):
            parts.append(x[..., -1 - more : -1].flip(-1))
        if len(parts) > 1:
            x, fresh = torch.cat(parts, dim=-1), True
            self._held = x[..., x.shape[-1] - pad :].clone()
        if self._activation is not None:
            x = F.elu(x, self._activation.alpha, inplace=fresh)
        return self._conv(x)


class _Upsampling:
    """An activation, if any, and a transposed convolution."""

    def __init__(self, conv: nn.ConvTranspose1d, activation: nn.ELU | None, *, fresh: bool) -> None:
        self._conv, self._activation, self._fresh = conv, activation, fresh
        self._held: Tensor | None = None

    def push(self, x: Tensor, *, end: bool) -> Tensor:
        kernel, stride = self._conv.kernel_size[0], self._conv.stride[0]
        past, before, count, fresh = math.ceil(kernel / stride) - 1, 0, x.shape[-1], self._fresh
        if self._held is not None:
            before, fresh = self._held.shape[-1], True
            x = torch.cat([self._held, x], dim=-1)
        self._held = x[..., max(x.shape[-1] - past, 0) :].clone()
        if self._activation is not None:
            x = F.elu(x, self._activation.alpha, inplace=fresh)
        return self._conv(x)[..., before * stride : (before + count) * stride]


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
        y = self._shortcut.push(x, end=end)
        return y + self._block.push(x, end=end)


_State = _Conv | _Upsampling | _Recurrence | _Activation | _Branches


def _states_of(layers: Sequence[Layer]) -> list[_State]:
    """One for each layer, or for an activation and the convolution behind it."""
    states: list[_State] = []
    activation: nn.ELU | None = None
    for place, layer in enumerate(layers):
        behind = layers[place + 1] if place + 1 < len(layers) else None
        if isinstance(layer, nn.ELU) and isinstance(behind, nn.Conv1d | nn.ConvTranspose1d):
            activation = layer
            continue
        match layer:
            case nn.Conv1d():
                states.append(_Conv(layer, activation, fresh=bool(states)))
            case nn.ConvTranspose1d():
                states.append(_Upsampling(layer, activation, fresh=bool(states)))
            case nn.LSTM():
                states.append(_Recurrence(layer))
            case Residual():
                states.append(_Branches(layer))
            case _:
                states.append(_Activation(layer))
        activation = None
    return states
