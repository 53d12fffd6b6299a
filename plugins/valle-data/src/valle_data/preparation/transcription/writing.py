"""The results on disk: the table of recordings, files beside the recordings, and the utterances as files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from valle_core.audio.wav import write
from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads, read_bytes
from valle_data.preparation.recordings import Recording, Rejection
from valle_data.preparation.transcription.segments import word_to_list
from valle_data.preparation.transcription.source import own_sound_of, span_of
from valle_language.recognition import TimedWord


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One utterance of the table.

    Attributes:
        recording: it comes from.
        text: what is said.
        language: tag, or None where it is not known.
        start, end: seconds of the recording, or None for all of it.
        words: with times of the recording, or empty.
    """

    recording: Recording
    text: str
    language: str | None
    start: float | None = None
    end: float | None = None
    words: tuple[TimedWord, ...] = ()

    @property
    def id(self) -> str:
        """The recording's, with the start in milliseconds where it is a part."""
        return self.recording.id if self.start is None else f"{self.recording.id}-{round(1000 * self.start):08d}"

    def timed(self) -> list[list[str | float]]:
        """Words with times from the start of the utterance."""
        start = self.start or 0.0
        longest = None if self.end is None else round(self.end - start, 3)
        rows = []
        for word in self.words:
            text, first, last = word_to_list(word)
            times = [max(round(float(time) - start, 3), 0.0) for time in (first, last)]
            rows.append([text, *(time if longest is None else min(time, longest) for time in times)])
        return rows

    def to_json(self, folder: Path) -> dict[str, Any]:
        """A row of the table that lies in `folder`."""
        audio = os.path.relpath(self.recording.audio.resolve(), folder.resolve())
        row: dict[str, Any] = {
            "id": self.id,
            "audio": Path(audio).as_posix(),
            "speaker": self.recording.speaker,
            "text": self.text,
        }
        if self.language:
            row["language"] = self.language
        start, end = span_of(self.recording)
        if self.start is not None and self.end is not None:
            start, end = (start or 0.0) + self.start, (start or 0.0) + self.end
        row |= {name: round(time, 3) for name, time in (("start", start), ("end", end)) if time is not None}
        return row | ({"words": self.timed()} if self.words else {})

    def facts(self) -> dict[str, Any]:
        """What the `.json` beside an audio file says."""
        return ({"language": self.language} if self.language else {}) | ({"words": self.timed()} if self.words else {})


def write_table(path: Path, lines: Sequence[Line]) -> None:
    """The table of recordings as JSON lines, whole or not at all."""
    rows = (json.dumps(line.to_json(path.parent), ensure_ascii=False) + "\n" for line in lines)
    write_text(path, "".join(rows))


def write_beside(line: Line) -> None:
    """`NAME.txt`, and what is known beside it in `NAME.json`; fields and texts that are there stay as they are."""
    audio = line.recording.audio
    path = audio.with_suffix(".json")
    try:
        stored = loads(read_bytes(path)) if path.exists() else {}
    except ValueError:
        stored = None
    if isinstance(stored, dict) and line.facts() | stored != stored:
        write_text(path, json.dumps(line.facts() | stored, ensure_ascii=False) + "\n")
    if not audio.with_suffix(".txt").exists() or not audio.with_suffix(".txt").read_bytes().strip():
        write_text(audio.with_suffix(".txt"), line.text + "\n")


def cut_out(folder: Path, lines: Sequence[Line]) -> tuple[int, list[Rejection]]:
    """Each utterance as `{id}.wav` with `.txt` and `.json`, at the recording's own rate.

    How many were written now, and recordings that cannot be read. The `.txt` is written last, so an utterance that
    has it is whole; those that are there already are left alone.
    """
    written = 0
    unreadable: dict[str, Rejection] = {}
    loaded: tuple[Recording, Float[np.ndarray, "N"], int] | None = None
    for line in lines:
        target = folder / f"{line.id}.wav"
        facts, text = json.dumps(line.facts() | _span(line), ensure_ascii=False) + "\n", line.text + "\n"
        if _says(target.with_suffix(".json"), facts) and _says(target.with_suffix(".txt"), text) and target.exists():
            continue
        id = line.recording.id
        if id in unreadable:
            continue
        if loaded is None or loaded[0] != line.recording:
            try:
                loaded = (line.recording, *own_sound_of(line.recording))
            except UserError as error:
                unreadable[id] = Rejection(id=id, reason="bad-audio", detail=str(error))
                continue
        _, wav, rate = loaded
        start, end = round((line.start or 0.0) * rate), len(wav) if line.end is None else round(line.end * rate)
        write(target, wav[start:end], rate)
        write_text(target.with_suffix(".json"), facts)
        write_text(target.with_suffix(".txt"), text)
        written += 1
    return written, [*unreadable.values()]


def _span(line: Line) -> dict[str, Any]:
    """Where an utterance was cut from."""
    return {"start": line.start, "end": line.end} if line.start is not None else {}


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
