"""Options of the recognizer `pocketsphinx` (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError

GRAMMARS = (".gram", ".jsgf")
"""Endings of files that hold a grammar, not a list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PocketSphinxOptions:
    """Options of `--recognizer pocketsphinx`.

    Attributes:
        sentences: file of the sentences that can be recognized, one per line, or a JSGF grammar (`.gram`, `.jsgf`) with
            one public rule; none: dictation with the general language model, which is poor.
        pause: silence that ends a segment, in seconds in [0.1, 10].
        least_fit: minimum log-likelihood per second for a sentence of the list to be recognized (clean speech has about
            −120 … −280).
    """

    sentences: Path | None = None
    pause: float = 0.5
    least_fit: float = -430.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.pause <= 10:
            raise UserError(f"recognizer.pause must be in [0.1, 10] seconds, got {self.pause}")
        if not self.least_fit <= 0:
            raise UserError(f"recognizer.least_fit must be at most 0 (log-likelihood per second), got {self.least_fit}")
