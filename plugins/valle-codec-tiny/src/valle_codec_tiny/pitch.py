"""The pitch of speech, measured by normalised autocorrelation."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

SAMPLE_RATE = 16000
LOWEST, HIGHEST = 50.0, 600.0
"""Range of the pitch, Hz."""
WINDOW = 1024
SLIP = 0.15
"""Octaves."""


@torch.no_grad()
def measure_pitch(wav: Float[Tensor, "B N"], hop: int) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """log₂ pitch at the end of each hop and whether there is one (1 or 0), by normalised autocorrelation."""
    count = wav.shape[1] // hop
    padded = F.pad(wav, (WINDOW // 2 - hop, WINDOW))
    windowed = padded[:, : (count - 1) * hop + WINDOW].unfold(1, WINDOW, hop)
    window = torch.hann_window(WINDOW, device=wav.device)
    windowed = (windowed - windowed.mean(-1, keepdim=True)) * window
    spectrum = torch.view_as_real(torch.fft.rfft(windowed, n=2 * WINDOW)).square().sum(-1)
    own = torch.fft.irfft(torch.fft.rfft(window, n=2 * WINDOW).abs().square())
    low, high = int(SAMPLE_RATE / HIGHEST), int(SAMPLE_RATE / LOWEST) + 1
    similar = torch.fft.irfft(spectrum)[..., : high + 2] / own[: high + 2]
    loud = similar[..., :1]
    similar = similar / loud.clamp(min=1e-9) * own[0]
    similar = similar / own[0]
    left, middle, right = similar[..., low - 1 : high - 1], similar[..., low:high], similar[..., low + 1 : high + 1]
    peak = (middle >= left) & (middle > right)
    best = (middle * peak).amax(-1, keepdim=True)
    first = (peak & (middle > 0.9 * best)).float().argmax(-1, keepdim=True)
    a, b, c = (part.gather(-1, first)[..., 0] for part in (left, middle, right))
    shift = (0.5 * (a - c) / (a - 2 * b + c).clamp(max=-1e-9)).clamp(-0.5, 0.5)
    lag = first[..., 0] + low + shift
    voiced = (best[..., 0] > 0.5) & (loud[..., 0] > 1e-5)
    return steady((SAMPLE_RATE / lag).log2(), voiced)


def steady(
    pitch: Float[Tensor, "B T"], voiced: Bool[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """The measurement without its slips: a value far from the median of the voiced around it becomes the median, and
    a voiced moment with no company is none."""
    known = F.pad(pitch.masked_fill(~voiced, torch.nan), (3, 3), value=torch.nan).unfold(1, 7, 1)
    median = known.nanmedian(-1).values
    company = (~known.isnan()).sum(-1) >= 3
    return torch.where((pitch - median).abs() > SLIP, median, pitch), (voiced & company).float()
