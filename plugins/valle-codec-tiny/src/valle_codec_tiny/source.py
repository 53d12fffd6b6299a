"""The sources of the decoder: a pitch read from the codes, the pulse train that it drives, and noise.

Harmonics whose phases follow one running phase are coherent from frame to frame by construction; a convolution
would have to invent that coherence (neural source-filter models, 1904.12088).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_codec_tiny.features import MIDDLE, SAMPLE_RATE
from valle_codec_tiny.layers import FrameConv
from valle_codec_tiny.pitch import HIGHEST, LOWEST

NOISE_WINDOWS = 800
"""Noise repeats after so many windows (8 s)."""
TOP = 7600.0
"""No harmonic lies above this frequency, Hz."""


class Pitch(nn.Module):
    """Latent frames → log₂ of the pitch at the end of each of `split` parts of a frame.

    It runs in float64 outside training: the running phase adds up every rounding of the pitch, and streamed speech
    must equal whole speech.
    """

    def __init__(self, latent: int, channels: int, right: int, split: int) -> None:
        super().__init__()
        self.lift = nn.Linear(latent, channels)
        self.conv = FrameConv(channels, right)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.mix = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, split)

    def forward(self, x: Float[Tensor, "B F d"], inside: Float[Tensor, "B F 1"] | None) -> Float[Tensor, "B T"]:
        y = self.lift(x.to(self.lift.weight.dtype))
        y = y if inside is None else y * inside
        return self.read(y + self.conv(y))

    def read(self, y: Float[Tensor, "B F D"]) -> Float[Tensor, "B T"]:
        """What happens within a frame."""
        y = self.out(F.gelu(self.mix(F.gelu(self.norm(y)))))
        return (y.flatten(1) + MIDDLE).clamp(math.log2(LOWEST), math.log2(HIGHEST))


def pulses(
    pitch: Float[Tensor, "B T"], before: Float[Tensor, "B 2"] | None, hop: int
) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B 2"]]:
    """T · hop samples of Σₖ cos k φ over all harmonics below `TOP`, and (last pitch in Hz, running phase in cycles).

    Within a frame the pitch goes straight from the last frame's value to this one's.
    """
    hertz = pitch.double().exp2()
    last, phase = (hertz[:, :1], torch.zeros_like(hertz[:, :1])) if before is None else before.double().split(1, dim=1)
    ramp = torch.arange(1, hop + 1, dtype=torch.float64, device=pitch.device) / hop
    starts = torch.cat([last, hertz[:, :-1]], dim=1)
    now = (starts[..., None] + (hertz - starts)[..., None] * ramp).flatten(1)
    cycles = phase + (now / SAMPLE_RATE).cumsum(1)
    turn = (cycles - cycles.floor()).float()
    count = (TOP / now).floor().float()
    half = (math.pi * turn).sin()
    wide = ((2 * count + 1) * math.pi * turn).sin()
    sound = torch.where(half.abs() < 1e-4, count, (wide / half.clamp(min=1e-4) - 1) / 2)
    return sound, torch.cat([hertz[:, -1:], cycles[:, -1:] - cycles[:, -1:].floor()], dim=1)


def pulse_spectra(sound: Float[Tensor, "B M"], hop: int) -> Tensor:
    """STFT of pulses that already carry 1.5 hops of margin on both sides; a harmonic's line is about one high."""
    window = torch.hann_window(4 * hop, device=sound.device)
    return torch.fft.rfft(sound.unfold(1, 4 * hop, hop) * (window / hop))


def noise_table(hop: int) -> Float[Tensor, "M"]:
    """White noise of power one, always the same, so that decoding repeats itself."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(NOISE_WINDOWS * hop, generator=generator)


def noise_spectra(table: Float[Tensor, "M"], start: int | Int[Tensor, ""], count: int, hop: int) -> Tensor:
    """[count, bins] STFT of the noise in windows `start` … of an utterance; each bin's power is one on average."""
    place = (torch.arange((count + 3) * hop, device=table.device) + start * hop) % len(table)
    window = torch.hann_window(4 * hop, device=table.device)
    return torch.fft.rfft(table[place].unfold(0, 4 * hop, hop) * (window / window.square().sum().sqrt()))
