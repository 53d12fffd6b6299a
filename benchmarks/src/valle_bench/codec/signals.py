"""The sounds that are encoded: a synthetic voice, equal on all machines, and recordings for quality."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.audio.wav import SUFFIXES, load
from valle_core.plugin import UserError

PERIOD = 20.0
"""Seconds after which the voice repeats itself."""


def voice(seconds: float, sample_rate: int, *, seed: int) -> Float[Tensor, "N"]:
    """Harmonics of a gliding pitch, swelling, with a little noise, about −16 dB."""
    samples = max(1, round(seconds * sample_rate))
    count = min(samples, round(PERIOD * sample_rate))
    generator = torch.Generator().manual_seed(seed)
    low = 90 + 20 * (seed % 8)
    time = torch.arange(count, dtype=torch.float64) / sample_rate
    turns = (low * (1 + 0.2 * (2 * math.pi * 0.8 * time).sin())).cumsum(0) / sample_rate
    tones = torch.stack([(2 * math.pi * n * turns).sin() / n for n in range(1, 9)]).sum(0)
    noise = torch.randn(count, generator=generator)
    wav = (0.15 * tones.float() + 0.02 * noise) * (0.6 + 0.4 * (2 * math.pi * 1.4 * time).sin()).float()
    return wav.repeat(-(-samples // count))[:samples].contiguous()


def batch(seconds: float, sample_rate: int, rows: int, *, seed: int) -> Float[Tensor, "B N"]:
    """Another voice in every row."""
    return torch.stack([voice(seconds, sample_rate, seed=seed + row) for row in range(rows)])


def recordings(folder: Path, count: int) -> list[Path]:
    """The first recordings of each speaker in turn (folders are speakers); all for 0.

    Raises:
        UserError: the folder holds none.
    """
    files = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
    if not files:
        raise UserError(f"no recordings under '{folder}'. Give a folder with {', '.join(SUFFIXES)} files")
    spoken: dict[Path, list[Path]] = {}
    for path in sorted(files):
        spoken.setdefault(path.parent, []).append(path)
    turns = [(turn, number, path) for number, mine in enumerate(spoken.values()) for turn, path in enumerate(mine)]
    return [path for _, _, path in sorted(turns, key=lambda one: one[:2])][: count or None]


def recording(path: Path, sample_rate: int) -> Float[Tensor, "N"]:
    """Mono samples of a file."""
    return torch.from_numpy(load(path, sample_rate))
