"""What a reconstruction is judged by: spectra at several resolutions, mel bands, loudness, band envelopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_codec_tiny.features import SAMPLE_RATE, mel_matrix

PARTS = ("log", "compressed", "mel", "loudness", "envelope")
"""Parts of the reconstruction loss."""
RESOLUTIONS = ((1024, 320), (512, 160), (256, 80))
"""Window and hop of each spectrum, samples. The crops start anywhere, so no sample is always between windows."""
BARKS = 42
SEGMENT = 38
"""Frames of the 512/160 spectrum in a segment of the envelope correlation: 380 ms, as in STOI."""


class _Power(torch.autograd.Function):
    """|rfft|² over the last axis. Its own backward is one real inverse transform; autograd's is a complex one."""

    @staticmethod
    def forward(ctx: Any, windowed: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(windowed)
        ctx.save_for_backward(spectrum)
        return torch.view_as_real(spectrum).square().sum(-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (spectrum,) = ctx.saved_tensors
        size = 2 * (spectrum.shape[-1] - 1)
        inner = spectrum * gradients[0]
        inner[..., 0] *= 2
        inner[..., -1] *= 2
        return torch.fft.irfft(inner, n=size) * size


def power(wav: Float[Tensor, "B N"], window: int, hop: int) -> Float[Tensor, "B T bins"]:
    """|STFT|², scaled so that a full-scale sine gives about one."""
    shape = torch.hann_window(window, device=wav.device)
    return _Power.apply(wav.unfold(1, window, hop) * (shape * (2 / shape.sum())))


def bark_matrix(bins: int) -> Float[Tensor, "bins barks"]:
    """Sums of power over half-Bark-wide bands (Traunmüller's formula)."""
    hertz = torch.linspace(0, SAMPLE_RATE / 2, bins)
    bark = 26.81 * hertz / (1960 + hertz) - 0.53
    band = ((bark - bark[2]) / (bark[-1] - bark[2]) * BARKS).floor().clamp(-1, BARKS - 1).long()
    return nn.functional.one_hot(band + 1, BARKS + 1)[:, 1:].float()


def third_octaves(bins: int) -> Float[Tensor, "bins bands"]:
    """STOI's 15 third-octave bands from 150 Hz (Taal et al. 2011)."""
    hertz = torch.linspace(0, SAMPLE_RATE / 2, bins)[:, None]
    centres = 150 * 2 ** (torch.arange(15) / 3)
    return ((hertz >= centres * 2 ** (-1 / 6)) & (hertz < centres * 2 ** (1 / 6))).float()


class ReconstructionLoss(nn.Module):
    """A weighted sum whose parts are also returned by name."""

    mel: Tensor
    bark: Tensor
    octaves: Tensor

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.weights = dict(weights)
        self.register_buffer("mel", mel_matrix(RESOLUTIONS[0][0] // 2 + 1, 80))
        self.register_buffer("bark", bark_matrix(RESOLUTIONS[1][0] // 2 + 1))
        self.register_buffer("octaves", third_octaves(RESOLUTIONS[1][0] // 2 + 1))

    def forward(
        self, wav: Float[Tensor, "B N"], target: Float[Tensor, "B N"]
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        parts = {name: wav.new_zeros(()) for name in ("log", "compressed")}
        for index, (window, hop) in enumerate(RESOLUTIONS):
            x = power(wav, window, hop)
            with torch.no_grad():
                y = power(target, window, hop)
            parts["log"] = parts["log"] + _apart(_log, x, y) / (2 * len(RESOLUTIONS))
            parts["compressed"] = parts["compressed"] + _apart(_compress, x, y) / len(RESOLUTIONS)
            if index == 0:
                parts["mel"] = _apart(_log, x @ self.mel, y @ self.mel) / 2
            if index == 1:
                parts["loudness"] = loudness_distance(x @ self.bark, y @ self.bark)
                parts["envelope"] = envelope_distance(x @ self.octaves, y @ self.octaves)
        return sum((self.weights[name] * part for name, part in parts.items()), start=wav.new_zeros(())), parts


def _log(x: Tensor) -> Tensor:
    return (x + 1e-10).log()


def _compress(x: Tensor) -> Tensor:
    """Amplitude^0.5, about the compression of human hearing."""
    return (x + 1e-10).sqrt().sqrt()


def _apart(view: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        aim = view(y)
    return (view(x) - aim).abs().mean()


def loudness_distance(x: Float[Tensor, "B T barks"], y: Float[Tensor, "B T barks"]) -> Float[Tensor, ""]:
    """Root mean square over Bark bands, mean over frames, of the difference of loudness ∝ power^¼ (Zwicker: 0.23).

    What is too loud counts double: added noise is more audible than a lack (as in PESQ's asymmetry).
    """
    difference = _compress(x) - _compress(y)
    difference = difference + difference.clamp(min=0)
    return (difference.square().mean(-1) + 1e-8).sqrt().mean()


def envelope_distance(x: Float[Tensor, "B T bands"], y: Float[Tensor, "B T bands"]) -> Float[Tensor, ""]:
    """1 − mean correlation of the bands' envelopes over 384 ms, where the target is not silent (as in STOI)."""

    def segments(power: Tensor) -> Tensor:
        windowed = (power + 1e-9).sqrt().unfold(1, SEGMENT, 6)  # [B, S, bands, SEGMENT]
        return windowed - windowed.mean(-1, keepdim=True)

    x, y = segments(x), segments(y)
    norm = (x.square().sum(-1) * y.square().sum(-1) + 1e-12).sqrt()
    audible = (y.square().mean(-1) > 1e-7).float()
    return ((1 - (x * y).sum(-1) / norm) * audible).sum() / audible.sum().clamp(min=1)
