"""One recording that may become an utterance: what is known of it, its transcript, its facts, or why it is left out."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.reading.json_text import loads, read_bytes
from valle_data.preparation.alignments import Aligned
from valle_data.preparation.visible import visible
from valle_language.detection import is_auto


def plain(name: str) -> str:
    """A file's name as an id or a speaker has it: composed (NFC), and bytes that are not UTF-8 spelled `\\udcff`.

    A folder copied by way of macOS holds `é` in two characters; the same name stays the same id.
    """
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", name).encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One audio file, or a part of one, that may become an utterance.

    Attributes:
        id: unique; its first folder is its group, e.g. `train/anna/0001`.
        speaker: `group/speaker` or `speaker`.
        audio: the file.
        text: transcript where a table gives it.
        text_file: file that holds the transcript and nothing else; None where there is none. Text, as the
            next is, for there may be millions, and a `Path` takes half a kilobyte.
        facts_file: JSON object with `language` and `tone`; None where there is none.
        language: tag: the table's own, the speaker's or the folder's, or what was detected; None if none of them says.
        tone: label where a table gives it.
        start, end: seconds of the part to read; None for the file's own.
        channels: those that are averaged, from 0; empty for all.
        aligned: its phonemes and their durations, where a table gives them.
        wordless: it says nothing, so an empty transcript is as it should be.
        factor: it is read this many times as fast, as another voice (see `voices.py`).
    """

    id: str
    speaker: str
    audio: Path
    text: str | None = None
    text_file: str | None = None
    facts_file: str | None = None
    language: str | None = None
    tone: str | None = None
    start: float | None = None
    end: float | None = None
    channels: tuple[int, ...] = ()
    aligned: Aligned | None = None
    wordless: bool = False
    factor: float = 1.0

    def stamp(self) -> str:
        """Changes when the audio, the transcript, the facts beside it or the part that is meant change."""
        marks = [self.text or "", *([self.language] if self.language else [])]
        marks += [f"tone={self.tone}"] if self.tone else []
        if self.start is not None or self.end is not None or self.channels:
            marks.append(f"part={self.start}:{self.end}:{self.channels}")
        marks += [f"factor={self.factor:g}"] if self.factor != 1 else []
        marks += [self.aligned.mark] if self.aligned else []
        for path in (self.audio, self.text_file, self.facts_file):
            try:
                state = os.stat(path) if path else None
            except (OSError, ValueError):
                state = None
            marks.append(f"{state.st_size}:{state.st_mtime_ns}" if state else "-")
        return " ".join(marks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """Why a recording is left out.

    Attributes:
        id: of the recording.
        reason: a short word that is counted, e.g. `too-long`.
        detail: one line for a person.
        measured: the number a filter looked at (seconds), or None.
    """

    id: str
    reason: str
    detail: str
    measured: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.id.encode("utf-8", "backslashreplace").decode())
        detail = self.detail.encode("utf-8", "backslashreplace").decode()
        object.__setattr__(self, "detail", "\\n".join(detail.splitlines()))


def transcript(recording: Recording) -> str | Rejection:
    """The text of a recording on one line, or why there is none."""
    text, path = recording.text, recording.text_file
    if recording.wordless:
        return ""
    if text is None:
        if path is None:
            detail = (
                f"'{recording.audio}' has no transcript, e.g. '{recording.audio.with_suffix('.txt').name}' beside it"
            )
            return Rejection(id=recording.id, reason="no-transcript", detail=detail)
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return Rejection(id=recording.id, reason="no-transcript", detail=f"'{path}' does not exist")
        except (OSError, UnicodeDecodeError) as error:
            return Rejection(
                id=recording.id,
                reason="bad-transcript",
                detail=f"'{path}' cannot be read ({getattr(error, 'strerror', None) or error})",
            )
    text = visible(text)
    if not text:
        detail = f"the transcript of '{recording.audio if path is None else path}' is empty"
        return Rejection(id=recording.id, reason="empty-transcript", detail=detail)
    return text


def facts(recording: Recording) -> Mapping[str, Any] | Rejection:
    """The JSON object beside a recording, empty where there is none, or why it cannot be used."""
    path = recording.facts_file
    if path is None:
        return {}
    try:
        stored = loads(read_bytes(Path(path)).decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        return Rejection(
            id=recording.id,
            reason="bad-facts",
            detail=f"'{path}' cannot be read ({getattr(error, 'strerror', None) or error})",
        )
    if not isinstance(stored, dict):
        return {}
    for name in ("language", "tone"):
        if not isinstance(stored.get(name, ""), str):
            detail = f"'{path}': {name} must be text, got {stored[name]!r}"
            return Rejection(id=recording.id, reason="bad-facts", detail=detail)
    return stored


def spoken_language(
    recording: Recording, language: str | None, facts: Mapping[str, Any] | Rejection
) -> str | Rejection:
    """The recording's own language, else the one asked for, else the field `language` of its facts."""
    if recording.language:
        return recording.language
    if is_auto(language):
        detail = f"the language of '{recording.audio}' is not clear. Name it: --language TAG, or auto:TAG,TAG"
        return Rejection(id=recording.id, reason="unclear-language", detail=detail)
    if language is not None:
        return language
    if isinstance(facts, Rejection):
        return facts
    tag = facts.get("language")
    if not tag:
        beside = recording.audio.with_suffix(".json").name
        detail = f"no language for '{recording.audio}'. Give --language, or a '{beside}' with a field language"
        return Rejection(id=recording.id, reason="no-language", detail=detail)
    return tag
