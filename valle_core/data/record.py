"""One prepared utterance as it is stored, and its line in the index."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.codes.identity import hash_tensors
from valle_core.plugin import UserError

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
    """

    id: str
    codes: Int[Tensor, "F Q"]
    phonemes: tuple[str, ...]
    words: tuple[tuple[int, int], ...]

    def hash(self) -> str:
        """First 16 hex digits over codes, phonemes and words."""
        text = json.dumps([self.phonemes, self.words], ensure_ascii=False)
        digest = hashlib.sha256(f"{hash_tensors({'codes': self.codes})} {text}".encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
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

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "id": self.id,
            "speaker": self.speaker,
            "language": self.language,
            "text": self.text,
            "seconds": self.seconds,
            "frames": self.frames,
            "location": self.location,
            "hash": self.hash,
            **({"tone": self.tone} if self.tone is not None else {}),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Row:
        """The inverse of `to_json`; raises `KeyError` or `TypeError` for anything else."""
        location = stored["location"]
        return cls(
            id=stored["id"],
            speaker=stored["speaker"],
            language=stored["language"],
            text=stored["text"],
            seconds=stored["seconds"],
            frames=stored["frames"],
            location=location if isinstance(location, str) else (location[0], location[1]),
            hash=stored["hash"],
            tone=stored.get("tone"),
        )


def phonemes_to_bytes(phonemes: tuple[str, ...]) -> Int[Tensor, "n"]:
    """UTF-8 JSON as a tensor, so that safetensors can hold it."""
    return torch.frombuffer(bytearray(json.dumps(phonemes, ensure_ascii=False).encode()), dtype=torch.uint8)


def phonemes_from_bytes(stored: Int[Tensor, "n"], where: str) -> tuple[str, ...]:
    """The inverse of `phonemes_to_bytes`."""
    try:
        phonemes = json.loads(stored.numpy().tobytes())
    except ValueError as error:
        raise UserError(f"'{where}' is damaged ({error}). Run `valle prepare` again into a new folder") from error
    return tuple(phonemes)


def words_to_tensor(words: tuple[tuple[int, int], ...]) -> Int[Tensor, "W two"]:
    """[W, 2] half-open ranges."""
    return torch.tensor(words, dtype=torch.int32).reshape(-1, 2)


def words_from_tensor(stored: Int[Tensor, "W two"]) -> tuple[tuple[int, int], ...]:
    """The inverse of `words_to_tensor`."""
    return tuple((int(first), int(last)) for first, last in stored.tolist())
