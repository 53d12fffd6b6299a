"""The network of the neural codecs: features → ConvNeXt → residual codes → ConvNeXt → magnitude, phase → ISTFT."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_codec_tiny.features import HOP, WIDTH
from valle_codec_tiny.layers import TAPS, Block, Stem
from valle_codec_tiny.pitch import SAMPLE_RATE
from valle_codec_tiny.quantizer import ResidualQuantizer
from valle_codec_tiny.source import Pitch, noise_spectra, noise_table, pulse_spectra, pulses

FADE = 500.0
"""Hz over which the direct spectrum fades out."""
LEAST = 1e-3
"""Weight of the overlapping windows by which a sample is divided at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSize:
    """Widths and depths; stored with the weights.

    Attributes:
        encoder: channels, and `encoder_blocks` of them.
        latent: width of the quantized vectors.
        coarse: channels of the decoder at 50 Hz, with `coarse_blocks`.
        pitch: channels of the pitch reader.
        fine: channels of the decoder after it is split in time by `split`, with `fine_blocks`.
        noise: a filtered noise source beside the voice source.
        direct: Hz up to which the decoder says spectra directly; above, it only filters its sources.
        causal: how many of the last coarse and of the last fine blocks look only back, so that depth costs no latency.
    """

    encoder: int = 192
    encoder_blocks: int = 3
    latent: int = 32
    levels: int = 8
    codes: int = 256
    coarse: int = 256
    coarse_blocks: int = 3
    fine: int = 192
    fine_blocks: int = 4
    split: int = 2
    stem_right: int = 3
    block_right: int = 1
    pitch: int = 96
    causal: tuple[int, int] = (0, 0)
    noise: bool = False
    direct: float = 8000.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "causal", tuple(self.causal))

    @property
    def context(self) -> int:
        """Frames on each side of a frame that the encoder's convolutions see."""
        return (1 + self.encoder_blocks) * (TAPS // 2)

    @property
    def coarse_right(self) -> list[int]:
        """Frames that each coarse block looks ahead."""
        return _right(self.coarse_blocks, self.causal[0], self.block_right)

    @property
    def fine_right(self) -> list[int]:
        """Half-frames that each fine block looks ahead."""
        return _right(self.fine_blocks, self.causal[1], self.block_right)


def _right(blocks: int, causal: int, right: int) -> list[int]:
    return [right] * (blocks - causal) + [0] * causal


SIZES = {
    "tiny": NetworkSize(),
    "small": NetworkSize(
        encoder_blocks=5, codes=1024, coarse_blocks=5, fine_blocks=8, causal=(2, 4), noise=True, direct=2500.0
    ),
}
"""Networks by the name of their codec."""


class Encoder(nn.Module):
    """Features → latent frames."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.stem = Stem(WIDTH, size.encoder, 3)
        scale = 1 / size.encoder_blocks
        self.blocks = nn.ModuleList(Block(size.encoder, 3, scale) for _ in range(size.encoder_blocks))
        self.norm = nn.LayerNorm(size.encoder, eps=1e-6)
        self.out = nn.Linear(size.encoder, size.latent)

    def forward(self, x: Float[Tensor, "B F I"], inside: Tensor | None) -> Float[Tensor, "B F d"]:
        x = self.stem(x, inside)
        for block in self.blocks:
            x = block(x, inside)
        return self.out(self.norm(x))


class Decoder(nn.Module):
    """Latent frames → frames of `split` half-spectra each."""

    fade: Tensor
    table: Tensor

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.split = size.split
        self.stem = Stem(size.latent, size.coarse, size.stem_right)
        total = size.coarse_blocks + size.fine_blocks
        self.coarse = nn.ModuleList(Block(size.coarse, right, 1 / total) for right in size.coarse_right)
        self.widen = nn.Linear(size.coarse, size.fine * size.split)
        self.fine = nn.ModuleList(Block(size.fine, right, 1 / total) for right in size.fine_right)
        self.norm = nn.LayerNorm(size.fine, eps=1e-6)
        self.hop = HOP // size.split
        bins = 2 * self.hop + 1
        self.out = nn.Linear(size.fine, 2 * bins)
        self.pitch = Pitch(size.latent, size.pitch, size.stem_right, size.split)
        self.harmonic = nn.Linear(size.fine, 2 * bins)
        self.noise = nn.Linear(size.fine, bins) if size.noise else None
        hertz = torch.linspace(0, SAMPLE_RATE / 2, bins)
        self.register_buffer("fade", ((size.direct - hertz) / FADE + 0.5).clamp(0, 1), persistent=False)
        self.register_buffer("table", noise_table(self.hop), persistent=False)
        with torch.no_grad():
            # The source speaks first: a decoder that has found phases of its own does not take it up any more.
            self.out.bias[:bins] = -5.0
            self.harmonic.bias[:bins] = -2.0
            self.harmonic.weight.mul_(0.3)

    def coarse_blocks(self) -> list[Block]:
        """The blocks at the rate of the codes."""
        return [block for block in self.coarse if isinstance(block, Block)]

    def fine_blocks(self) -> list[Block]:
        """The blocks after the split in time."""
        return [block for block in self.fine if isinstance(block, Block)]

    def forward(self, x: Float[Tensor, "B F d"], inside: Tensor | None) -> Float[Tensor, "B T S"]:
        x = self.stem(x, inside)
        for block in self.coarse:
            x = block(x, inside)
        B, T, _ = x.shape
        x = self.widen(x).reshape(B, T * self.split, -1)
        inside = None if inside is None else inside.repeat_interleave(self.split, dim=1)
        for block in self.fine:
            x = block(x, inside)
        return self.finish(x)

    def finish(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T S"]:
        """Log-magnitudes and phases of the sound itself and of the filter on the voice source; that on the noise."""
        x = self.norm(x)
        return torch.cat([layer(x) for layer in (self.out, self.harmonic, self.noise) if layer is not None], dim=-1)

    def windowed(
        self, spectra: Float[Tensor, "B T S"], source: Tensor, start: int | Int[Tensor, ""]
    ) -> Float[Tensor, "B T W"]:
        """Windowed stretches of sound, W = 4 · hop samples each, of windows `start` … of the utterance.

        What is said directly, plus the filtered voice source, plus filtered noise.
        """
        bins = 2 * self.hop + 1
        magnitude, phase, strength, turn, *breath = spectra.float().split(bins, dim=-1)
        spectrum = torch.polar(magnitude.clamp(max=6.0).exp() * self.fade, phase)
        spectrum = spectrum + source * torch.polar(strength.clamp(max=6.0).exp(), turn)
        if breath:
            noise = noise_spectra(self.table, start, spectra.shape[1], self.hop)
            spectrum = spectrum + noise * breath[0].clamp(max=6.0).exp()
        return torch.fft.irfft(spectrum, n=4 * self.hop) * torch.hann_window(4 * self.hop, device=spectra.device)

    def synthesis(
        self, spectra: Float[Tensor, "B T S"], pitch: Float[Tensor, "B T"], inside: Tensor | None, start: int = 0
    ) -> Float[Tensor, "B N"]:
        """Inverse STFT with N = T · hop samples, window t centred on sample (t + ½) · hop; noise from `start` on."""
        hop = self.hop
        with torch.no_grad():
            sound, _ = pulses(pitch.detach(), None, hop)
            sound = sound if inside is None else sound * inside[..., 0].repeat_interleave(hop, dim=1)
            source = pulse_spectra(F.pad(sound, (3 * hop // 2, 3 * hop // 2)), hop)
        windowed = self.windowed(spectra, source, start)
        weight = torch.hann_window(4 * hop, device=spectra.device).square().expand_as(windowed)
        if inside is not None:
            windowed, weight = windowed * inside, weight * inside
        total, norm = overlap_add(windowed).flatten(1), overlap_add(weight[: 1 if inside is None else None]).flatten(1)
        end = (spectra.shape[1] * hop) + 3 * hop // 2
        return (total / norm.clamp(min=LEAST))[:, 3 * hop // 2 : end]


def overlap_add(windowed: Float[Tensor, "B T W"]) -> Float[Tensor, "B T_plus_3 hop"]:
    """Sum of windowed stretches, each shifted by a quarter of its width."""
    B, T, W = windowed.shape
    parts = windowed.reshape(B, T, 4, W // 4)
    return sum(
        (F.pad(parts[:, :, i], (0, 0, i, 3 - i)) for i in range(4)), start=torch.zeros((), device=windowed.device)
    )


class TinyNetwork(nn.Module):
    """Encoder, quantizer and decoder."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.size = size
        self.encoder = Encoder(size)
        self.quantizer = ResidualQuantizer(size.levels, size.codes, size.latent)
        self.decoder = Decoder(size)

    def decode(self, codes: Int[Tensor, "B F L"], inside: Tensor | None = None) -> Float[Tensor, "B N"]:
        """Codes of the first L levels → waveform of F · HOP samples."""
        return self.decode_vectors(self.quantizer.lookup(codes), inside)

    def decode_vectors(self, latent: Float[Tensor, "B F d"], inside: Tensor | None = None) -> Float[Tensor, "B N"]:
        """Sums of codebook vectors → waveform of F · HOP samples."""
        wide = None if inside is None else inside.repeat_interleave(self.size.split, dim=1)
        pitch = self.decoder.pitch(latent, inside)
        return self.decoder.synthesis(self.decoder(latent, inside), pitch, wide)
