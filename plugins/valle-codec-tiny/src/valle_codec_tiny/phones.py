"""What is said in each moment of a recording, and a small reader that asks the first level for it.

A first level from which phones can be read is worth more to a language model than one that spends its bits on the
voice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_codec_tiny.features import SAMPLE_RATE
from valle_core.plugin import UserError

STEP = 160
"""Samples between two labels."""
UNKNOWN = -1
PAUSE = ""
_TO_NEXT, _TO_LAST = "ˈˌ", " ː"


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneLabels:
    """The sounds of a corpus.

    Attributes:
        names: of the classes.
        labels: class at every `STEP` samples, by the path of the recording below the corpus.
    """

    names: tuple[str, ...]
    labels: Mapping[str, Int[Tensor, "n"]]


def read_phone_labels(corpus: Path) -> PhoneLabels | None:
    """Phones and durations (in seconds) of `train.jsonl`, as `valle corpus` writes it; None where there are none.

    Raises:
        UserError: the table is damaged.
    """
    table = corpus / "train.jsonl"
    if not table.is_file():
        return None
    rows = []
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            if "phones" in row:
                rows.append((row["audio"], *_sounds(row)))
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"'{table}' line {number} is not a row of a corpus ({error!r}). Make the table again"
            ) from error
    if not rows:
        return None
    names = tuple(sorted({name for _, sounds, _ in rows for name in sounds}))
    index = {name: place for place, name in enumerate(names)}
    labels = {audio: _at_steps([index[name] for name in sounds], ends) for audio, sounds, ends in rows}
    return PhoneLabels(names=names, labels=labels)


def _sounds(row: Mapping[str, Any]) -> tuple[list[str], list[float]]:
    """Sound and end of each span; marks share the sound they belong to."""
    phones, durations = list(row["phones"]), [float(one) for one in row["durations"]]
    if len(durations) == len(phones) + 2:
        phones = [PAUSE, *phones, PAUSE]
    if len(durations) != len(phones):
        raise ValueError(f"{len(durations)} durations for {len(phones)} phones")
    for place, phone in enumerate(phones):
        if phone in _TO_LAST and phone:
            phones[place] = phones[place - 1] if place else PAUSE
    for place in reversed(range(len(phones))):
        if phones[place] in _TO_NEXT and phones[place]:
            phones[place] = phones[place + 1] if place + 1 < len(phones) else PAUSE
    sounds = [phone if any(one.isalnum() for one in phone) else PAUSE for phone in phones]
    return sounds, torch.tensor(durations, dtype=torch.float64).cumsum(0).tolist()


def _at_steps(sounds: Sequence[int], ends: Sequence[float]) -> Int[Tensor, "n"]:
    count = int(ends[-1] * SAMPLE_RATE) // STEP + 1
    places = torch.arange(count, dtype=torch.float64) * STEP / SAMPLE_RATE
    span = torch.searchsorted(torch.tensor(ends, dtype=torch.float64), places, right=True)
    return torch.tensor(sounds)[span.clamp(max=len(sounds) - 1)]


class Reader(nn.Module):
    """Vectors of the first level → scores of the sounds, from a frame and its neighbours."""

    def __init__(self, latent: int, sounds: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(latent, 4 * latent, 3, padding=1)
        self.out = nn.Linear(4 * latent, sounds)

    def forward(self, z: Float[Tensor, "B F d"]) -> Float[Tensor, "B F C"]:
        return self.out(F.gelu(self.conv(z.transpose(1, 2))).transpose(1, 2))

    def loss(self, z: Float[Tensor, "B F d"], sounds: Int[Tensor, "B F"]) -> Float[Tensor, ""]:
        """Cross-entropy over the frames whose sound is known; 0 where none is."""
        known = sounds != UNKNOWN
        if not bool(known.any()):
            return z.sum() * 0
        return F.cross_entropy(self(z)[known], sounds[known])
