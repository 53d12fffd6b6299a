"""Options of the metrics (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class NoOptions:
    """A metric without options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WordOptions:
    """Options of `--metric wer` and `cer`.

    Attributes:
        normaliser: what is done to both texts first: `seed-tts` as the published script of Seed-TTS-eval does, which
            leaves numbers as they are; `words` writes numbers and abbreviations out.
    """

    normaliser: Literal["seed-tts", "words"] = "seed-tts"


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentOptions:
    """Options of `--metric alignment`.

    Attributes:
        least: phonemes in a row that count as a skip, a repeat or a run-on.
        likeness: share of phonemes by which an inserted stretch must agree with what stands beside it to be a repeat.
    """

    least: int = 4
    likeness: float = 0.6

    def __post_init__(self) -> None:
        if not 2 <= self.least <= 100:
            raise UserError(f"metric.least must be in [2, 100], got {self.least}")
        if not 0 < self.likeness <= 1:
            raise UserError(f"metric.likeness must be in (0, 1], got {self.likeness}")
