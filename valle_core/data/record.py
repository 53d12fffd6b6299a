"""One prepared utterance as it is stored, and its line in the index."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from jaxtyping import Integer
from torch import Tensor

from valle_core.codes.identity import hash_tensors
from valle_core.reading.kinds import Kind, check_kinds, is_of

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

    def hash(self) -> str:
        """First 16 hex digits over codes, phonemes, words and times."""
        facts = [self.phonemes, self.words, *([self.times] if self.times else [])]
        text = json.dumps(facts, ensure_ascii=False)
        digest = hashlib.sha256(f"{hash_tensors({'codes': self.codes})} {text}".encode())
        return digest.hexdigest()[:16]


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

    def digest(self) -> str:
        """First 16 hex digits over what the record and its place do not say: equal in every storage."""
        facts = [
            self.id,
            self.speaker,
            self.language,
            self.text,
            float(self.seconds),
            self.frames,
            self.hash,
            self.tone,
        ]
        return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()[:16]

    @classmethod
    def from_json(cls, stored: Any) -> IndexEntry:
        """A row as `index.jsonl` has it, with no digest in an older one; raises `ValueError` for anything else."""
        check_kinds(stored, _KINDS)
        location, tone, symbols = stored["location"], stored.get("tone"), stored.get("symbols")
        if not (is_of(location, str) or (is_of(location, (object,)) and _is_place(location))):
            raise ValueError(f"'location' must be a file, or a file and a row, got {location!r:.80}")
        if tone is not None and not isinstance(tone, str):
            raise ValueError(f"'tone' must be text, got {tone!r:.80}")
        if not 0 <= stored["frames"] < 1 << 31 or stored["seconds"] < 0:
            raise ValueError(f"it lasts {stored['frames']} frames, {stored['seconds']} s")
        if symbols is not None and not (is_of(symbols, int) and 0 <= symbols < 1 << 31):
            raise ValueError(f"'symbols' must be a count, got {symbols!r:.80}")
        row = cls(
            id=stored["id"],
            speaker=stored["speaker"],
            language=stored["language"],
            text=stored["text"],
            seconds=stored["seconds"],
            frames=stored["frames"],
            location=location if isinstance(location, str) else (location[0], location[1]),
            hash=stored["hash"],
            tone=tone,
            symbols=symbols,
        )
        if "digest" in stored and stored["digest"] != row.digest():
            raise ValueError(f"the line of '{row.id}' is not as it was written")
        return row


_KINDS: dict[str, Kind] = {
    "id": str,
    "speaker": str,
    "language": str,
    "text": str,
    "seconds": float,
    "frames": int,
    "hash": str,
}


def _is_place(location: list[Any]) -> bool:
    return len(location) == 2 and is_of(location[0], str) and is_of(location[1], int) and location[1] >= 0
