"""Rows of `index.jsonl` as they are written and read, and the hashes that tell whether one was changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from valle_core.codes.identity import hash_tensors
from valle_core.data.record import IndexEntry, Record
from valle_core.reading.kinds import Kind, check_kinds, is_of


def hash_of(record: Record) -> str:
    """First 16 hex digits over codes, phonemes, words and times."""
    facts = [record.phonemes, record.words, *([record.times] if record.times else [])]
    text = json.dumps(facts, ensure_ascii=False)
    digest = hashlib.sha256(f"{hash_tensors({'codes': record.codes})} {text}".encode())
    return digest.hexdigest()[:16]


def row_digest(row: IndexEntry) -> str:
    """First 16 hex digits over what the record and its place do not say: equal in every storage."""
    facts = [row.id, row.speaker, row.language, row.text, float(row.seconds), row.frames, row.hash, row.tone]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()[:16]


def row_of(stored: Any) -> IndexEntry:
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
    row = IndexEntry(
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
    if "digest" in stored and stored["digest"] != row_digest(row):
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
