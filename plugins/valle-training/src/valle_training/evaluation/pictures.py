"""Pictures of an evaluation: spectrograms, attention, and the course of a pointer through its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.api import UserError

_HOP, _WINDOW = 0.01, 0.032
"""Seconds."""
_FLOOR = -80.0
"""Decibels below the loudest, drawn as black."""


def spectrograms(path: Path, sounds: Mapping[str, Float[Tensor, "N"]], rate: int) -> None:
    """Spectrograms one above the other, with the same axis of time."""
    figure, panels = _figure(len(sounds), height=2.2)
    longest = max(len(wav) for wav in sounds.values()) / rate
    for axis, (name, wav) in zip(panels, sounds.items(), strict=True):
        axis.imshow(
            decibels(wav, rate).numpy(),
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=_FLOOR,
            vmax=0,
            extent=(0, max(len(wav) / rate, _HOP), 0, rate / 2000),
        )
        axis.set_xlim(0, max(longest, _HOP))
        axis.set_title(name, fontsize=9, loc="left")
        axis.set_ylabel("kHz")
    panels[-1].set_xlabel("seconds")
    _save(figure, path)


def decibels(wav: Float[Tensor, "N"], rate: int) -> Float[Tensor, "W T"]:
    """Power in decibels below the loudest, every 10 ms."""
    size, hop = int(rate * _WINDOW), int(rate * _HOP)
    padded = torch.nn.functional.pad(wav.float(), (0, max(0, size - len(wav))))
    spectrum = torch.stft(padded, size, hop, window=torch.hann_window(size), center=False, return_complex=True)
    power = 20 * torch.log10(spectrum.abs() + 1e-9)
    return (power - power.max()).clamp(_FLOOR, 0)


def attention(path: Path, maps: Sequence[Float[Tensor, "T T"]], response: int) -> None:
    """The weights of up to eight layers, evenly chosen; a line stands where the response begins."""
    count = min(8, len(maps))
    chosen = [round(place * (len(maps) - 1) / max(1, count - 1)) for place in range(count)]
    columns = min(4, count)
    figure, panels = _figure(-(-count // columns), columns, height=2.6)
    for axis in panels[count:]:
        axis.set_axis_off()
    for axis, layer in zip(panels, chosen, strict=False):
        weights = maps[layer].numpy()
        axis.imshow(weights / weights.max(1, keepdims=True).clip(1e-9), aspect="auto", cmap="viridis", vmin=0, vmax=1)
        for line in (axis.axhline, axis.axvline):
            line(response - 0.5, color="white", linewidth=0.6)
        axis.set_title(f"layer {layer + 1} of {len(maps)}", fontsize=9)
        axis.tick_params(labelsize=7)
    _save(figure, path)


def pointer(path: Path, symbols: Sequence[str], courses: Mapping[str, Sequence[float]]) -> None:
    """Which symbol is said when: a staircase for each of `courses`, [P + 1] seconds each."""
    figure, (axis,) = _figure(1, height=1.2 + 0.12 * len(symbols))
    for name, times in courses.items():
        axis.step(times, [*range(len(symbols)), len(symbols) - 1], where="post", label=name, linewidth=1.4)
    axis.set_yticks(range(len(symbols)), symbols, fontsize=6)
    axis.invert_yaxis()
    axis.set_xlabel("seconds")
    axis.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, fontsize=8)
    _save(figure, path)


def _figure(rows: int, columns: int = 1, *, height: float) -> tuple[Any, list[Any]]:
    """Raises `UserError` where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError("pictures need matplotlib. Install it with: pip install matplotlib") from error
    figure = Figure(figsize=(9, 0.4 + height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [*figure.subplots(rows, columns, squeeze=False).flat]


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, format="png", dpi=100)
