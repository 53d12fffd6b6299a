"""What is evaluated: sentences, with speech that is there already or a voice to say them in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """One text to be said, or that was said.

    Attributes:
        id: unique.
        text: as written.
        language: tag.
        audio: speech that is there already.
        reference: a recording of the same text.
        source: the recording that the audio was made from, e.g. by a codec.
        voice: another recording of the speaker that is wanted; the prompt of synthesis.
        voice_text: what the voice says.
        group: kind of sentence, e.g. `"questions"`; figures are given for each.
        making: seconds the audio took to make.
        ended: whether the audio's speech ended by itself.
    """

    id: str
    text: str
    language: str = "en"
    audio: Path | None = None
    reference: Path | None = None
    source: Path | None = None
    voice: Path | None = None
    voice_text: str = ""
    group: str = ""
    making: float | None = None
    ended: bool | None = None


def check_sentences(sentences: Sequence[Sentence], what: str) -> None:
    """Raises `UserError` for none, an id that stands twice, a sentence without text, and a file that is not there."""
    if not sentences:
        raise UserError(f"{what} holds no sentence")
    seen: set[str] = set()
    for one in sentences:
        if one.id in seen:
            raise UserError(f"{what}: two sentences have the id '{one.id}'. Give each its own")
        seen.add(one.id)
        if not one.text.strip():
            raise UserError(f"{what}: sentence '{one.id}' has no text")
        for path in (one.audio, one.reference, one.source, one.voice):
            if path is not None and not path.is_file():
                raise UserError(f"{what}: sentence '{one.id}' names '{path}', which does not exist. Check the path")


def texts_hash(sentences: Sequence[Sentence]) -> str:
    """Of ids and texts, 16 hexadecimal digits: equal sets of sentences have equal ones."""
    listed = "\n".join(f"{one.id}\t{one.language}\t{one.text}" for one in sorted(sentences, key=lambda one: one.id))
    return hashlib.sha256(listed.encode()).hexdigest()[:16]
