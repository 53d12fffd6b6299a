"""Small networks that tell recorded from decoded speech: by spectra at several resolutions and by folded periods.

After the discriminators of UnivNet (2106.07889: magnitudes), EnCodec (2210.13438: complex spectra) and HiFi-GAN
(2010.05646: periods), with few channels and strides in frequency, so that a CPU can train them.
B rows · N samples · T frames · W bins of one resolution
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from valle_codec_tiny.features import HOP

SLOPE = 0.1
"""Of leaky ReLU below zero."""
RESOLUTIONS = ((1024, HOP), (512, HOP // 2), (256, HOP // 4))
"""Window and hop of each spectral discriminator, samples."""
PERIODS = (2, 3, 5, 7)
SPECTRAL_CHANNELS = (16, 24, 32, 48)
PERIOD_CHANNELS = (16, 32, 64, 64)


class SpectralDiscriminator(nn.Module):
    """Convolutions over time and frequency of a compressed complex spectrum, with strides in frequency."""

    def __init__(self, window: int, hop: int, channels: Sequence[int] = SPECTRAL_CHANNELS) -> None:
        super().__init__()
        self.window, self.hop = window, hop
        widths = (3, *channels)
        taps, strides, margins = ([first, *([later] * 3)] for first, later in ((8, 4), (4, 2), (2, 1)))
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (3, tap), stride=(1, stride), padding=(1, margin)))
            for a, b, tap, stride, margin in zip(widths, channels, taps, strides, margins, strict=False)
        )
        self.out = weight_norm(nn.Conv2d(channels[-1], 1, (3, 3), padding=1))

    def forward(self, wav: Float[Tensor, "B N"]) -> tuple[Tensor, list[Tensor]]:
        """Scores (any shape; high for recorded speech), and the features of every layer."""
        shape = torch.hann_window(self.window, device=wav.device)
        spectrum = torch.fft.rfft(wav.unfold(1, self.window, self.hop) * (shape * (2 / shape.sum())))
        parts = torch.view_as_real(spectrum)  # [B, T, W, 2]
        loud = (parts.square().sum(-1, keepdim=True) + 1e-8).sqrt()
        # Square-root compression keeps the phase and lifts what is quiet; the log shows the level of silence.
        x = torch.cat([parts / loud.sqrt(), (loud.log() + 7) / 7], dim=-1).permute(0, 3, 1, 2)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.out(x), features


class PeriodDiscriminator(nn.Module):
    """Convolutions along every `period`-th sample."""

    def __init__(self, period: int, channels: Sequence[int] = PERIOD_CHANNELS) -> None:
        super().__init__()
        self.period = period
        widths = (1, *channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(a, b, 5, stride=3, padding=2)) for a, b in zip(widths, channels, strict=False)
        )
        self.out = weight_norm(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, wav: Float[Tensor, "B N"]) -> tuple[Tensor, list[Tensor]]:
        """As for spectra."""
        B, N = wav.shape
        rows = N // self.period
        x = wav[:, : rows * self.period].reshape(B, rows, self.period).transpose(1, 2).reshape(-1, 1, rows)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.out(x), features


class Discriminators(nn.Module):
    """All discriminators, and what they ask of both sides (hinge loss)."""

    def __init__(self) -> None:
        super().__init__()
        spectral = [SpectralDiscriminator(window, hop) for window, hop in RESOLUTIONS]
        self.members = nn.ModuleList([*spectral, *(PeriodDiscriminator(period) for period in PERIODS)])

    def forward(self, wav: Float[Tensor, "B N"]) -> list[tuple[Tensor, list[Tensor]]]:
        return [member(wav) for member in self.members]

    def judge(self, recorded: Float[Tensor, "B N"], decoded: Float[Tensor, "B N"]) -> Float[Tensor, ""]:
        """The discriminators' loss: scores of recorded speech above 1, of decoded speech below −1."""
        both = self(torch.cat([recorded, decoded.detach()]))
        losses = []
        for score, _ in both:
            real, fake = score.float().chunk(2)
            losses.append(F.relu(1 - real).mean() + F.relu(1 + fake).mean())
        return torch.stack(losses).mean()

    def guide(
        self, recorded: Float[Tensor, "B N"], decoded: Float[Tensor, "B N"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The codec's losses: how far its scores lie below 1, and how unlike the features are (relative L1)."""
        with torch.no_grad():
            aims = self(recorded)
        scores, matches = [], []
        for (_, aim), (score, seen) in zip(aims, self(decoded), strict=True):
            scores.append(F.relu(1 - score.float()).mean())
            apart = [(x - y).abs().mean() / (y.abs().mean() + 1e-5) for x, y in zip(seen, aim, strict=True)]
            matches.append(torch.stack([value.float() for value in apart]).mean())
        return torch.stack(scores).mean(), torch.stack(matches).mean()
