"""Vocos (Siuzdak 2023): ConvNeXt blocks at the frame rate, then magnitudes and phases for an inverse STFT.

Modules are named as in the original package, so that its weights load as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_core.codes.windows import Step

KERNEL = 7
LOUDEST = 100.0
"""Bound of a magnitude, as the original has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What the weights decide, and the hop, which they do not.

    Attributes:
        latent: width of the codebook vectors.
        width: of the blocks.
        inner: of their feed-forward part.
        blocks: their number.
        bandwidths: number of conditions.
        window: samples of the inverse STFT's window.
        hop: samples per frame.
    """

    latent: int = 128
    width: int = 384
    inner: int = 1152
    blocks: int = 8
    bandwidths: int = 4
    window: int = 1280
    hop: int = 320


class AdaptiveNorm(nn.Module):
    """Layer norm whose scale and shift are chosen by the bandwidth id."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.scale = nn.Embedding(sizes.bandwidths, sizes.width)
        self.shift = nn.Embedding(sizes.bandwidths, sizes.width)

    def forward(self, x: Float[Tensor, "B F D"], bandwidth: int) -> Float[Tensor, "B F D"]:
        return F.layer_norm(x, x.shape[-1:], self.scale.weight[bandwidth], self.shift.weight[bandwidth], eps=1e-6)


class Block(nn.Module):
    """ConvNeXt: depthwise convolution, norm, feed-forward, scaled and added."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(sizes.width, sizes.width, KERNEL, padding=KERNEL // 2, groups=sizes.width)
        self.norm = AdaptiveNorm(sizes)
        self.pwconv1 = nn.Linear(sizes.width, sizes.inner)
        self.pwconv2 = nn.Linear(sizes.inner, sizes.width)
        self.gamma = nn.Parameter(torch.full((sizes.width,), 1 / sizes.blocks))

    def forward(self, x: Float[Tensor, "B D F"], bandwidth: int) -> Float[Tensor, "B D F"]:
        y = self.norm(self.dwconv(x).transpose(1, 2), bandwidth)
        return x + (self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))).transpose(1, 2)


class Backbone(nn.Module):
    """Frames in, frames out."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Conv1d(sizes.latent, sizes.width, KERNEL, padding=KERNEL // 2)
        self.norm = AdaptiveNorm(sizes)
        self.convnext = nn.ModuleList(Block(sizes) for _ in range(sizes.blocks))
        self.final_layer_norm = nn.LayerNorm(sizes.width, eps=1e-6)

    def forward(self, x: Float[Tensor, "B d F"], bandwidth: int) -> Float[Tensor, "B F D"]:
        x = self.norm(self.embed(x).transpose(1, 2), bandwidth).transpose(1, 2)
        for block in self.convnext:
            x = block(x, bandwidth)
        return self.final_layer_norm(x.transpose(1, 2))


class Head(nn.Module):
    """Log-magnitudes and phases → sound of F · hop samples."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.out = nn.Linear(sizes.width, sizes.window + 2)

    def forward(self, x: Float[Tensor, "B F D"]) -> Float[Tensor, "B N"]:
        magnitude, phase = self.out(x).chunk(2, dim=-1)
        spectra = torch.polar(magnitude.exp().clamp(max=LOUDEST), phase)
        window = torch.hann_window(self.sizes.window, device=x.device)
        pieces = torch.fft.irfft(spectra, n=self.sizes.window) * window
        sums = self._overlapped(pieces)
        weights = self._overlapped(window.square().expand(1, x.shape[1], -1))
        return sums / weights

    def _overlapped(self, pieces: Float[Tensor, "B F W"]) -> Float[Tensor, "B N"]:
        """Pieces laid a hop apart and added, without the half window too much at either end."""
        window, hop = self.sizes.window, self.sizes.hop
        length = (pieces.shape[1] - 1) * hop + window
        added = F.fold(pieces.transpose(1, 2), (1, length), kernel_size=(1, window), stride=(1, hop))[:, 0, 0]
        spare = (window - hop) // 2
        return added[:, spare : length - spare]


class VocosNetwork(nn.Module):
    """Backbone and head."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.backbone = Backbone(sizes)
        self.head = Head(sizes)

    def forward(self, x: Float[Tensor, "B d F"], bandwidth: int) -> Float[Tensor, "B N"]:
        """Sound of summed codebook vectors at a bandwidth id."""
        return self.head(self.backbone(x, bandwidth))


def steps(sizes: Sizes) -> tuple[Step, ...]:
    """How far it looks: the embedding, the blocks, the overlapping windows."""
    convolution = Step(kernel=KERNEL, padding=KERNEL // 2)
    spread = Step(kernel=sizes.window, stride=sizes.hop, padding=(sizes.window - sizes.hop) // 2, transposed=True)
    # A sample is divided by the weights of all windows that could reach it, those beyond an end excepted.
    return (*[convolution] * (sizes.blocks + 1), spread)
