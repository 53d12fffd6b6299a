"""Journal of a transcription, a line per recording, so that a killed run goes on and a finished one does nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads
from valle_core.reading.kinds import check_kinds
from valle_language.recognition import RecognizedSegment, TimedWord

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What became of a recording.

    Attributes:
        id: of the recording.
        stamp: state of its files when they were read.
        asked: language that was given, or None where it was to be detected.
        language: of what was transcribed.
        seconds: of audio.
        segments: what was transcribed; of an alignment one, the text with its words.
        votes: seconds of speech by detected language.
        settled: whether all of it was transcribed in `language`.
        reason: why there is nothing, a short word that is counted, or "".
        detail: one line for a person.
    """

    id: str
    stamp: str
    asked: str | None = None
    language: str = ""
    seconds: float = 0.0
    segments: tuple[RecognizedSegment, ...] = ()
    votes: Mapping[str, float] = field(default_factory=dict)
    settled: bool = True
    reason: str = ""
    detail: str = ""


class Journal:
    """Entries by the id of their recording; a later line of the file replaces an earlier one.

    Raises:
        UserError: the file is damaged, or was made with other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self.entries: dict[str, Entry] = {}
        wanted = {"format_version": FORMAT_VERSION, **settings}
        lines = self._lines()
        if not lines:
            write_text(path, _line(wanted))
            return
        found, *rest = lines
        for name, value in wanted.items():
            if found.get(name) != value:
                raise UserError(
                    f"'{path}' was made with {name} {found.get(name)!r}, asked for {value!r}. "
                    "Use the same, choose another --out, or remove it to transcribe everything again"
                )
        try:
            self.entries = {entry.id: entry for entry in map(_read, rest)}
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"'{path}' is damaged ({error!r}). Remove it to transcribe everything again") from error

    def add(self, entries: Iterable[Entry]) -> None:
        """Remember these; they are on disk when it returns."""
        entries = list(entries)
        try:
            with self._path.open("ab") as file:
                file.write("".join(_line(_written(entry)) for entry in entries).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(f"cannot write '{self._path}': {error.strerror}. What was there before is kept") from error
        self.entries.update({entry.id: entry for entry in entries})

    def _lines(self) -> list[dict[str, Any]]:
        """Whole lines; what a killed writer left of the last one is cut off."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        try:
            return [{**loads(line)} for line in whole.splitlines()]
        except (ValueError, TypeError) as error:
            raise UserError(f"'{self._path}' is damaged ({error}). Remove it to transcribe everything again") from error


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"


def _written(entry: Entry) -> dict[str, Any]:
    if entry.reason:
        return {"id": entry.id, "stamp": entry.stamp, "asked": entry.asked, "reason": entry.reason,
                "detail": entry.detail}  # fmt: skip
    segments = [
        [one.text, one.start, one.end, [[word.text, word.start, word.end, word.probability] for word in one.words]]
        for one in entry.segments
    ]
    return {
        "id": entry.id,
        "stamp": entry.stamp,
        "asked": entry.asked,
        "language": entry.language,
        "seconds": entry.seconds,
        "segments": segments,
        "votes": dict(entry.votes),
        "settled": entry.settled,
    }


def _read(line: Mapping[str, Any]) -> Entry:
    if "reason" in line:
        check_kinds(line, {"id": str, "stamp": str, "reason": str, "detail": str})
        return Entry(**line)
    check_kinds(line, {"id": str, "stamp": str, "segments": (list,)})
    segments = tuple(
        RecognizedSegment(
            text=text,
            start=start,
            end=end,
            words=tuple(TimedWord(text=w, start=a, end=b, probability=sure) for w, a, b, sure in words),
        )
        for text, start, end, words in line["segments"]
    )
    for segment in segments:
        check_kinds(asdict(segment), {"text": str, "start": float, "end": float})
        for word in segment.words:
            known = {name: value for name, value in asdict(word).items() if value is not None}
            kinds = {"text": str, "start": float, "end": float, "probability": float}
            check_kinds(known, kinds, optional=("probability",))  # not every recognizer knows it
    return Entry(**{**line, "segments": segments})
