"""Sound → keys of a telephone and when they sounded (ITU-T Q.23, Q.24). In float64: no batch rounds otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor

LOW = (697.0, 770.0, 852.0, 941.0)
HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
"""Hz of the rows and of the columns of the keypad."""

KEYS = (
    *("one", "two", "three", "a"),
    *("four", "five", "six", "b"),
    *("seven", "eight", "nine", "c"),
    *("star", "zero", "pound", "d"),
)
"""Row by row."""

SHARE = 0.7
"""Of a frame's power, that both tones of a key hold together."""
TWIST = 8.0
"""Decibels by which one of them may be louder than the other."""
FRAME, HOP = 0.02, 0.01
"""Seconds."""


class Tones:
    """Compares frames with the eight sines, all at once."""

    def __init__(self, sample_rate: int, device: torch.device) -> None:
        self.size, self.hop = round(FRAME * sample_rate), round(HOP * sample_rate)
        self.sample_rate = sample_rate
        time = torch.arange(self.size, dtype=torch.float64, device=device) / sample_rate
        turns = 2 * math.pi * torch.tensor(LOW + HIGH, dtype=torch.float64, device=device)[:, None] * time
        self.waves = torch.cat([turns.cos(), turns.sin()])  # [16, size]

    def keys(self, wav: Float[Tensor, "N"], quietest: float) -> list[int]:
        """The key of each frame, −1 for none."""
        if len(wav) < self.size:
            return []
        frames = wav.to(self.waves).unfold(0, self.size, self.hop)  # [F, size]
        power = frames.square().mean(1)
        tones = (frames @ self.waves.T).unflatten(1, (2, 8)).square().sum(1) * 2 / self.size**2  # of each sine
        low, high = tones[:, :4], tones[:, 4:]
        both = low.amax(1) + high.amax(1)
        twist = 10 * (torch.log10(low.amax(1) + 1e-30) - torch.log10(high.amax(1) + 1e-30)).abs()
        found = (both > SHARE * power) & (twist < TWIST) & (power.sqrt() > quietest)
        return torch.where(found, 4 * low.argmax(1) + high.argmax(1), -1).tolist()

    def pressed(self, keys: Sequence[int], shortest: float) -> list[tuple[str, float, float]]:
        """Word, start and end in seconds of each key that sounded long enough, in order and apart."""
        found, frame = [], 0
        for key, run in groupby(keys):
            count = len(list(run))
            start, end = frame * self.hop, (frame + count - 1) * self.hop + self.size
            frame += count
            if key >= 0 and end - start >= shortest * self.sample_rate:
                start = max(start, round(found[-1][2] * self.sample_rate) if found else 0)
                found.append((KEYS[key], start / self.sample_rate, end / self.sample_rate))
        return found
