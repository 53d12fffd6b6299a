"""One prepared utterance as it is stored, and its line in the index."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Integer
from torch import Tensor

Location = str | tuple[str, int]
"""File of an utterance relative to the dataset, or shard and row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The heavy part of an utterance. Phonemes are kept as symbols, so that a symbol map can grow.

    Attributes:
        id: unique in the dataset.
        codes: [F, Q] in the storage type.
        phonemes: symbols of the text.
        words: half-open ranges of `phonemes`.
        times: [P + 1] milliseconds at which each phoneme begins and the last one ends; empty where nobody said.
    """

    id: str
    codes: Integer[Tensor, "F Q"]
    phonemes: tuple[str, ...]
    words: tuple[tuple[int, int], ...]
    times: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexEntry:
    """The light part of an utterance: its line of `index.jsonl`.

    Attributes:
        id: unique in the dataset.
        speaker: speaker id.
        language: language tag.
        text: transcript.
        seconds: of audio, from the frames.
        frames: F.
        location: where the record lies.
        hash: of the record.
        tone: label, or None.
        symbols: of the record, or None (of an older valle).
    """

    id: str
    speaker: str
    language: str
    text: str
    seconds: float
    frames: int
    location: Location
    hash: str
    tone: str | None = None
    symbols: int | None = None
