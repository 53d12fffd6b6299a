"""A picture of log-mel spectrograms, one panel per sound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from valle_core.files import replacing


def mel_filters(sample_rate: int, fft_size: int, bands: int) -> Float[np.ndarray, "M K"]:
    """Triangles of equal width on the mel scale m = 2595 log₁₀(1 + f / 700), peak 1, from 0 to half the rate."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + sample_rate / 1400), bands + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(fft_size, 1 / sample_rate)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    return np.clip(np.minimum(rising, falling), 0, None)


def log_mel(
    wav: Float[np.ndarray, "N"], sample_rate: int, *, bands: int = 80, fft_size: int = 1024
) -> Float[np.ndarray, "M T"]:
    """Decibels of mel bands every 10 ms (Hann window), floored 80 dB below the loudest."""
    hop = max(sample_rate // 100, 1)
    padded = np.pad(np.asarray(wav, dtype=np.float64), fft_size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft_size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(fft_size), axis=1)) ** 2  # [T, K]
    decibels = 10 * np.log10(mel_filters(sample_rate, fft_size, bands) @ power.T + 1e-10)
    return np.maximum(decibels, decibels.max() - 80)


def draw(path: Path, wavs: Mapping[str, Float[np.ndarray, "N"]], sample_rate: int) -> None:
    """Write a PNG with one panel per sound, side by side under its title, on one colour scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures = {title: log_mel(wav, sample_rate) for title, wav in wavs.items()}
    loudest = max(picture.max() for picture in pictures.values())
    figure = Figure(figsize=(1 + 4.5 * len(pictures), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(pictures), sharey=True, squeeze=False)[0]
    for panel, (title, picture) in zip(panels, pictures.items(), strict=True):
        seconds = len(wavs[title]) / sample_rate
        panel.imshow(
            picture,
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, len(picture)),
            vmin=loudest - 80,
            vmax=loudest,
            cmap="magma",
        )
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("seconds")
    panels[0].set_ylabel("mel band")
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
