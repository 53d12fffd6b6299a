"""What the encoder reads: log-mel energies at 100 Hz in pairs and a finer low band for the pitch, 50 frames/s."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from valle_codec_tiny.pitch import SAMPLE_RATE, measure_pitch

HOP = 320
MEL_BANDS = 80
MEL_WINDOW = 512
MEL_HOP = HOP // 2
LOW_WINDOW = 1024
LOW_BINS = slice(3, 101)
"""47 … 1563 Hz in steps of 15.6 Hz."""
WIDTH = 2 * MEL_BANDS + LOW_BINS.stop - LOW_BINS.start + 4
"""Features of a frame: two mel frames, the low band, and for each half its pitch and whether there is one."""
MIDDLE = 7.2
"""log₂ of the pitch that counts as zero: 147 Hz."""


def mel_matrix(bins: int, bands: int, sample_rate: int = SAMPLE_RATE) -> Float[Tensor, "bins bands"]:
    """Triangular mel filters (O'Shaughnessy's scale, area one per Hz as in Slaney's) on `bins` of 0 … Nyquist."""

    def to_mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    edges = 700 * (10 ** (torch.linspace(0, to_mel(sample_rate / 2), bands + 2, dtype=torch.float64) / 2595) - 1)
    hertz = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    filters = torch.minimum(rising, falling).clamp(min=0)
    return (filters / filters.sum(0).clamp(min=1e-9)).float()


def _spectrum(wav: Tensor, window: int, hop: int, count: int) -> Float[Tensor, "B T bins"]:
    """Magnitudes of `count` windows, window t centred on sample (t + ½) · hop."""
    before = (window - hop) // 2
    padded = F.pad(wav, (before, window))[:, : (count - 1) * hop + window]
    shape = torch.hann_window(window, dtype=wav.dtype, device=wav.device)
    return torch.fft.rfft(padded.unfold(1, window, hop) * shape).abs() * (2 / shape.sum())


def features(wav: Float[Tensor, "B N"]) -> Float[Tensor, "B F width"]:
    """[B, F · HOP] waveform → roughly unit-variance features."""
    count = wav.shape[1] // HOP
    mel = _spectrum(wav, MEL_WINDOW, MEL_HOP, 2 * count) @ mel_matrix(MEL_WINDOW // 2 + 1, MEL_BANDS).to(wav)
    low = _spectrum(wav, LOW_WINDOW, HOP, count)[..., LOW_BINS]
    mel = mel.reshape(wav.shape[0], count, 2 * MEL_BANDS)
    levels = (torch.cat([mel, low], dim=-1).clamp(min=1e-5).log() + 7) / 2.5
    pitch, voiced = measure_pitch(wav, MEL_HOP)
    shape = (wav.shape[0], count, 2)
    return torch.cat([levels, ((pitch - MIDDLE) * voiced).reshape(shape), voiced.reshape(shape)], dim=-1)


def pitch_of(inputs: Float[Tensor, "B F width"]) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """The measured log₂ pitch of features at 100 Hz, and whether there is one (1 or 0)."""
    return inputs[..., -4:-2].flatten(1) + MIDDLE, inputs[..., -2:].flatten(1)
