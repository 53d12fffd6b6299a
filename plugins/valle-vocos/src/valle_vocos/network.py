"""Vocos (Siuzdak 2023): ConvNeXt blocks at the frame rate, then magnitudes and phases for an inverse STFT.

Modules are named as in the original package, so that its weights load as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_kit.codes.convolutions import Layer, Pointwise, depthwise, one_by_one
from valle_kit.codes.stack import Added, Overlap, Stack, StepsFirst
from valle_kit.few import Few

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

    def at(self, bandwidth: int) -> nn.LayerNorm:
        """The norm of a bandwidth id, whose scale and shift are looked up once for all pushes of a stream."""
        norm = nn.LayerNorm(self.scale.embedding_dim, eps=1e-6, device="meta")
        norm.weight, norm.bias = (
            nn.Parameter(table.weight.detach()[bandwidth], requires_grad=False) for table in (self.scale, self.shift)
        )
        return norm


class Block(nn.Module):
    """ConvNeXt: depthwise convolution, norm, feed-forward, scaled and added."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(sizes.width, sizes.width, KERNEL, padding=KERNEL // 2, groups=sizes.width)
        self.norm = AdaptiveNorm(sizes)
        self.pwconv1 = nn.Linear(sizes.width, sizes.inner)
        self.pwconv2 = nn.Linear(sizes.inner, sizes.width)
        self.gamma = nn.Parameter(torch.full((sizes.width,), 1 / sizes.blocks))

    def layers(self, bandwidth: int) -> tuple[Layer, ...]:
        """[B, F, D] → the same, to be added to it."""
        few = Few(self.norm.at(bandwidth), self.pwconv1, nn.GELU(), self.pwconv2)
        return depthwise(self.dwconv), Pointwise(lambda x: few(x).mul_(self.gamma))


class Backbone(nn.Module):
    """Frames in, frames out."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Conv1d(sizes.latent, sizes.width, KERNEL, padding=KERNEL // 2)
        self.norm = AdaptiveNorm(sizes)
        self.convnext = nn.ModuleList(Block(sizes) for _ in range(sizes.blocks))
        self.final_layer_norm = nn.LayerNorm(sizes.width, eps=1e-6)

    def layers(self, bandwidth: int) -> Iterator[Layer]:
        """[B, F, D] → the same."""
        yield Pointwise(self.norm.at(bandwidth))
        for block in self.convnext:
            assert isinstance(block, Block)
            yield Added(block.layers(bandwidth))


class Head(nn.Module):
    """Log-magnitudes and phases → sound of F · hop samples."""

    window: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.out = nn.Linear(sizes.width, sizes.window + 2)
        self.register_buffer("window", torch.hann_window(sizes.window), persistent=False)

    def windows(self, norm: nn.Module) -> Layer:
        """[B, F, D], to be normed → the sound of each frame by itself, under the window."""
        few, size = Few(norm, self.out), self.sizes.window

        def sound(x: Float[Tensor, "B F D"]) -> Float[Tensor, "B F W"]:
            magnitude, phase = few(x).chunk(2, dim=-1)
            spectra = torch.polar(magnitude.exp_().clamp_(max=LOUDEST), phase)
            return torch.fft.irfft(spectra, n=size).mul_(self.window)

        return Pointwise(sound, size)


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
        backbone, head, sizes = self.backbone, self.head, self.sizes
        frames = (*backbone.layers(bandwidth), head.windows(backbone.final_layer_norm))
        return one_by_one(backbone.embed), StepsFirst(frames), Overlap(head.window, sizes.hop, LEAST)
