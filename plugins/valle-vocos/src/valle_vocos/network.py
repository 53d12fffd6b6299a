"""Vocos (Siuzdak 2023): ConvNeXt blocks at the frame rate, then magnitudes and phases for an inverse STFT.

Modules are named as in the original package, so that its weights load as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.codes.chunks import Added, Layer, Pointwise
from valle_kit.codes.windows import Step

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
        return x + self.mix(self.dwconv(x), bandwidth)

    def mix(self, x: Float[Tensor, "B D F"], bandwidth: int) -> Float[Tensor, "B D F"]:
        """What happens within a frame."""
        y = self.norm(x.transpose(1, 2), bandwidth)
        return (self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))).transpose(1, 2)


class Backbone(nn.Module):
    """Frames in, frames out."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embed = nn.Conv1d(sizes.latent, sizes.width, KERNEL, padding=KERNEL // 2)
        self.norm = AdaptiveNorm(sizes)
        self.convnext = nn.ModuleList(Block(sizes) for _ in range(sizes.blocks))
        self.final_layer_norm = nn.LayerNorm(sizes.width, eps=1e-6)

    def blocks(self) -> Iterator[Block]:
        """In order."""
        for block in self.convnext:
            assert isinstance(block, Block)
            yield block

    def forward(self, x: Float[Tensor, "B d F"], bandwidth: int) -> Float[Tensor, "B F D"]:
        x = self.norm(self.embed(x).transpose(1, 2), bandwidth).transpose(1, 2)
        for block in self.blocks():
            x = block(x, bandwidth)
        return self.final_layer_norm(x.transpose(1, 2))


class Head(nn.Module):
    """Log-magnitudes and phases → sound of F · hop samples."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.out = nn.Linear(sizes.width, sizes.window + 2)

        self.register_buffer("window", torch.hann_window(sizes.window), persistent=False)

    def forward(self, x: Float[Tensor, "B F D"]) -> Float[Tensor, "B N"]:
        return OverlapState(self.sizes, self.window).push(self.windows(x), end=True)[:, 0]

    def windows(self, x: Float[Tensor, "B F D"]) -> Float[Tensor, "B W F"]:
        """The sound of each frame by itself, under the window."""
        magnitude, phase = self.out(x).chunk(2, dim=-1)
        spectra = torch.polar(magnitude.exp_().clamp_(max=LOUDEST), phase)
        chunks = torch.fft.irfft(spectra, n=self.sizes.window)
        return chunks.mul_(self.window).transpose(1, 2)


class OverlapState:
    """A `valle_kit.codes.chunks.PieceState`: windows laid a hop apart and added, over the weights they have there,
    without the half window too much at either end."""

    def __init__(self, sizes: Sizes, window: Float[Tensor, "W"]) -> None:
        self._hop, self._size, self._weight = sizes.hop, sizes.window, window.square()[:, None]
        self._skip = self._spare = (sizes.window - sizes.hop) // 2
        self._sums: Tensor | None = None
        self._weights = window.new_zeros(0)

    def push(self, x: Float[Tensor, "B W F"], *, end: bool) -> Float[Tensor, "B 1 N"]:
        """Sound to which no later window adds."""
        count = x.shape[2]
        if self._sums is None:
            self._sums = x.new_zeros(len(x), 0)
        if count:
            self._sums = self._add(self._sums, x)
            self._weights = self._add(self._weights[None], self._weight.expand(1, -1, count))[0]
        ready = self._sums.shape[1] if end else count * self._hop
        wav = self._sums[:, :ready] / self._weights[:ready].clamp(min=1e-11)
        self._sums, self._weights = self._sums[:, ready:].clone(), self._weights[ready:].clone()
        skipped = min(self._skip, wav.shape[1])
        self._skip -= skipped
        return wav[:, None, skipped : max(wav.shape[1] - self._spare, skipped) if end else None]

    def _add(self, held: Float[Tensor, "B n"], chunks: Float[Tensor, "B W F"]) -> Float[Tensor, "B m"]:
        length = (chunks.shape[2] - 1) * self._hop + self._size
        added = F.fold(chunks, (1, length), kernel_size=(1, self._size), stride=(1, self._hop))[:, 0, 0]
        added[:, : held.shape[1]] += held
        return added


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

    def layers(self, bandwidth: int) -> tuple[Layer, ...]:
        """The same as `valle_kit.codes.chunks.PieceStack` takes it."""
        backbone, head, sizes = self.backbone, self.head, self.sizes

        def norm(x: Tensor) -> Tensor:
            return backbone.norm(x.transpose(1, 2), bandwidth).transpose(1, 2)

        def windows(x: Tensor) -> Tensor:
            return head.windows(backbone.final_layer_norm(x.transpose(1, 2)))

        def mixing(block: Block) -> Pointwise:
            return Pointwise(lambda x: block.mix(x, bandwidth), sizes.width)

        blocks = (Added((block.dwconv, mixing(block))) for block in backbone.blocks())
        return (backbone.embed, Pointwise(norm, sizes.width), *blocks, Pointwise(windows, sizes.window), Overlap(head))


class Overlap:
    """A `valle_kit.codes.chunks.Remembering`: the end of the head."""

    def __init__(self, head: Head) -> None:
        self._head = head

    def state(self) -> OverlapState:
        """Nothing added yet."""
        return OverlapState(self._head.sizes, self._head.window)


def steps(sizes: Sizes) -> tuple[Step, ...]:
    """How far it looks: the embedding, the blocks, the overlapping windows."""
    convolution = Step(kernel=KERNEL, padding=KERNEL // 2)
    spread = Step(kernel=sizes.window, stride=sizes.hop, padding=(sizes.window - sizes.hop) // 2, transposed=True)
    # A sample is divided by the weights of all windows that could reach it, those beyond an end excepted.
    return (*[convolution] * (sizes.blocks + 1), spread)
