"""Vocos (Siuzdak 2023): ConvNeXt blocks at the frame rate, then magnitudes and phases for an inverse STFT.

Modules are named as in the original package, so that its weights load as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.codes.convolutions import Layer, Pointwise, zero_padded
from valle_kit.codes.stack import Added, Overlap, Stack

KERNEL = 7
LOUDEST = 100.0
"""Bound of a magnitude, as the original has it."""
LEAST = 1e-11
"""Weight of the overlapping windows by which a sample is divided at least."""


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

    def at(self, bandwidth: int) -> Callable[[Float[Tensor, "B F D"]], Float[Tensor, "B F D"]]:
        """The norm of a bandwidth id, whose scale and shift are looked up once for all pushes of a stream."""
        scale, shift = self.scale.weight[bandwidth], self.shift.weight[bandwidth]
        return lambda x: F.layer_norm(x, x.shape[-1:], scale, shift, eps=1e-6)


class Block(nn.Module):
    """ConvNeXt: depthwise convolution, norm, feed-forward, scaled and added."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(sizes.width, sizes.width, KERNEL, padding=KERNEL // 2, groups=sizes.width)
        self.norm = AdaptiveNorm(sizes)
        self.pwconv1 = nn.Linear(sizes.width, sizes.inner)
        self.pwconv2 = nn.Linear(sizes.inner, sizes.width)
        self.gamma = nn.Parameter(torch.full((sizes.width,), 1 / sizes.blocks))

    def mix(
        self, x: Float[Tensor, "B D F"], norm: Callable[[Float[Tensor, "B F D"]], Float[Tensor, "B F D"]]
    ) -> Float[Tensor, "B D F"]:
        """What happens within a frame."""
        y = norm(x.transpose(1, 2))
        return (self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))).transpose(1, 2)


class Backbone(nn.Module):
    """Frames in, frames out."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Conv1d(sizes.latent, sizes.width, KERNEL, padding=KERNEL // 2)
        self.norm = AdaptiveNorm(sizes)
        self.convnext = nn.ModuleList(Block(sizes) for _ in range(sizes.blocks))
        self.final_layer_norm = nn.LayerNorm(sizes.width, eps=1e-6)

    def layers(self, bandwidth: int) -> Iterator[Layer]:
        """[B, d, F] → [B, F, D] transposed."""
        yield zero_padded(self.embed)
        width, norm = self.embed.out_channels, self.norm.at(bandwidth)
        yield Pointwise(lambda x: norm(x.transpose(1, 2)).transpose(1, 2), width)
        for block in self.convnext:
            assert isinstance(block, Block)
            yield Added(
                (zero_padded(block.dwconv), Pointwise(partial(block.mix, norm=block.norm.at(bandwidth)), width))
            )
        yield Pointwise(lambda x: self.final_layer_norm(x.transpose(1, 2)).transpose(1, 2), width)


class Head(nn.Module):
    """Log-magnitudes and phases → sound of F · hop samples."""

    window: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.out = nn.Linear(sizes.width, sizes.window + 2)
        self.register_buffer("window", torch.hann_window(sizes.window), persistent=False)

    def layers(self) -> tuple[Layer, ...]:
        """[B, D, F] → [B, 1, N]."""
        return (Pointwise(self.windows, self.sizes.window), Overlap(self.window, self.sizes.hop, LEAST))

    def windows(self, x: Float[Tensor, "B D F"]) -> Float[Tensor, "B W F"]:
        """The sound of each frame by itself, under the window."""
        magnitude, phase = self.out(x.transpose(1, 2)).chunk(2, dim=-1)
        spectra = torch.polar(magnitude.exp_().clamp_(max=LOUDEST), phase)
        chunks = torch.fft.irfft(spectra, n=self.sizes.window)
        return chunks.mul_(self.window).transpose(1, 2)


class VocosNetwork(nn.Module):
    """Backbone and head."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.backbone = Backbone(sizes)
        self.head = Head(sizes)

    def forward(self, x: Float[Tensor, "B d F"], bandwidth: int) -> Float[Tensor, "B N"]:
        """Sound of summed codebook vectors at a bandwidth id."""
        return Stack(self.layers(bandwidth)).push(x, end=True)[:, 0]

    def layers(self, bandwidth: int) -> tuple[Layer, ...]:
        """As `valle_kit.codes.stack.Stack` takes them: in chunks or at once."""
        return (*self.backbone.layers(bandwidth), *self.head.layers())
