"""ConvNeXt blocks whose convolutions look a bounded number of frames ahead, so that they stream exactly.

B rows · T frames · D channels · K taps
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = 7
"""Kernel size of every convolution over time."""


class FrameConv(nn.Module):
    """Depthwise convolution over time of channels-last frames: `left` taps of the past, `right` of the future.

    Frames outside the utterance count as zeros. Written as a sum of shifted products: at these sizes that is
    faster on a CPU than a grouped convolution, and it fuses under `torch.compile`.
    """

    def __init__(self, channels: int, right: int) -> None:
        super().__init__()
        self.right = right
        self.left = TAPS - 1 - right
        self.weight = nn.Parameter(torch.randn(TAPS, channels) * TAPS**-0.5)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.valid(F.pad(x, (0, 0, self.left, self.right)))

    def valid(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T_minus_6 D"]:
        """The outputs whose taps all lie inside x."""
        frames = x.shape[1] - TAPS + 1
        y = self.bias + x[:, :frames] * self.weight[0]
        for tap in range(1, TAPS):
            y = y + x[:, tap : tap + frames] * self.weight[tap]
        return y


class Block(nn.Module):
    """ConvNeXt block (2201.03545, as used over time by Vocos, 2306.00814): depthwise conv, norm, MLP, residual."""

    def __init__(self, channels: int, right: int, scale: float) -> None:
        super().__init__()
        self.conv = FrameConv(channels, right)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.up = nn.Linear(channels, 3 * channels)
        self.down = nn.Linear(3 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Float[Tensor, "B T D"], inside: Float[Tensor, "B T 1"] | None) -> Float[Tensor, "B T D"]:
        """`inside` is 1 for frames of the utterance and 0 for padding, or None if there is none."""
        return x + self.mix(self.conv(x if inside is None else x * inside))

    def mix(self, y: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """What happens within a frame."""
        return self.down(F.gelu(self.up(self.norm(y)))) * self.scale


class Stem(nn.Module):
    """The entry of a stack: every channel of the input sees `TAPS` frames, then a norm."""

    def __init__(self, inputs: int, channels: int, right: int) -> None:
        super().__init__()
        self.lift = nn.Linear(inputs, channels)
        self.conv = FrameConv(channels, right)
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Float[Tensor, "B T I"], inside: Float[Tensor, "B T 1"] | None) -> Float[Tensor, "B T D"]:
        y = self.lift(x)
        y = y if inside is None else y * inside
        return self.norm(y + self.conv(y))
