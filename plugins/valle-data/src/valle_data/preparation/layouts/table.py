"""`table`: a CSV, TSV or JSONL file with one row per utterance, perhaps a part of a longer file.

Fields: `audio` (relative to the table, or absolute; required), `text` (else a `.txt` beside the audio), `speaker` (else
the audio's folder), `id` (else the audio's path without its ending, with `-{start in ms}` where a start is given),
`language`, `tone`, `start` and `end` in seconds, `phones` (taken in place of the frontend's) and their `durations`
(see `alignments.py`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_data.preparation.alignments import aligned
from valle_data.preparation.layouts.doubts import doubts
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.naming import AudioPaths, is_address, may_be_audio, missing_folder
from valle_data.preparation.layouts.rows import ENDINGS, read_table
from valle_data.preparation.layouts.walking import TEXT_ENDINGS
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, Rejection, plain
from valle_data.preparation.visible import trimmed, visible
from valle_language.tags import normal_tag

LOOKS_FOR = f"a file {', '.join(ENDINGS)} with a column audio"

FIELDS = ("audio", "text", "speaker", "id", "language", "tone", "start", "end", "phones", "durations")
"""Columns that are read; others are named in the report."""

_NAMES = ("speaker", "id", "language", "tone")
"""Those that name something, so that what is not drawn does not count, and a number is a name."""


def matches(source: Path) -> bool:
    """See `LOOKS_FOR`."""
    return source.is_file() and source.suffix.lower() in ENDINGS


def find(source: Path, options: PrepareOptions) -> Found:
    """One recording per row whose audio is there."""
    table = read_table(source, needs="audio", fits=may_be_audio)
    found, folder = Found(notes=[*table.notes]), Path(os.path.abspath(source.parent))
    if unused := [name for name in table.columns if name not in FIELDS]:
        found.notes.append(f"columns not used: {', '.join(unused)}")
    paths = AudioPaths()
    for number, row in table.rows:
        where = f"{source.name}:{number}"
        if row is None:
            found.reject(where, "bad-line", f"{where} is not a row with the fields {', '.join(table.columns)}")
            continue
        made = _recording({name: row.get(name) for name in FIELDS}, folder, where, paths)
        if isinstance(made, Recording):
            found.recordings.append(made)
            continue
        found.rejected.append(made.rejection)
        if made.folder is not None:
            found.lost[made.rejection.id] = made.folder
    found.notes += doubts(source.name, found.recordings)
    return found


@dataclass(frozen=True, slots=True)
class _Unusable:
    """A row that is no recording; the folder of its audio where that is not there, or empty."""

    rejection: Rejection
    folder: str | None = None


def _recording(row: Mapping[str, Any], folder: Path, where: str, paths: AudioPaths) -> Recording | _Unusable:
    """One row as a recording, or what is wrong with it."""
    values = {name: _clean(name, value) for name, value in row.items()}
    blank = isinstance(row.get("text"), str) and row["text"] != "" and values["text"] == ""
    values = {name: value for name, value in values.items() if value not in (None, "")}
    times = {name: values.pop(name) for name in ("start", "end") if name in values}
    sounds = [values.pop(name, None) for name in ("phones", "durations")]

    def unusable(id: Any, reason: str, detail: str, folder: str | None = None) -> _Unusable:
        return _Unusable(Rejection(id=str(id), reason=reason, detail=f"{where}{detail}"), folder)

    if "audio" not in values:
        return unusable(values.get("id", where), "no-audio", " names no audio")
    if wrong := [name for name, value in values.items() if not _is_text(value)]:
        detail = f": {wrong[0]} must be text, got {values[wrong[0]]!r}"
        return unusable(values.get("id", where), "bad-line", detail)
    if is_address(values["audio"]):
        return unusable(
            values.get("id", where), "no-audio", f" names the address {values['audio']!r}. Download it first"
        )
    audio = paths.find(folder, values["audio"])
    named = audio or os.path.normpath(folder / values["audio"])
    id = values.get("id", _default_id(named, folder))
    try:
        start, end = (_seconds(times.get(name)) for name in ("start", "end"))
    except ValueError:
        start, end = 0.0, 0.0
    if end is not None and end <= (start or 0.0):
        return unusable(id, "bad-times", f": start and end must be seconds, the end after the start, got {times}")
    try:
        alignment = aligned(*sounds)
    except ValueError as error:
        return unusable(id, "bad-alignment", f": {error}")
    part = start is not None or end is not None
    if start is not None and "id" not in values:
        id = f"{id}-{round(start * 1000):08d}"
    if audio is None:
        detail = f" names '{values['audio']}': no such file ('{named}')"
        return unusable(id, "no-audio", detail, missing_folder(os.path.dirname(named)))
    stem = os.path.splitext(audio)[0]
    has_text = "text" in values or blank
    return Recording(
        id=id,
        speaker=values.get("speaker") or _default_speaker(audio, folder),
        audio=Path(audio),
        text=values.get("text", "") if has_text else None,
        text_file=None if has_text or part else paths.beside(audio, TEXT_ENDINGS) or f"{stem}.txt",
        facts_file=None if part or {"language", "tone"} <= set(values) else f"{stem}.json",
        language=normal_tag(values["language"]) if "language" in values else None,
        tone=values.get("tone"),
        start=start,
        end=end,
        aligned=alignment,
    )


def _clean(name: str, value: Any) -> Any:
    """A field without spaces around it; a name also without what is not drawn, and from a number in JSON as text."""
    if name in _NAMES and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(int(value)) if value == int(value) else str(value)
    if not isinstance(value, str) or not _is_text(value):
        return value
    return plain(visible(value)) if name in _NAMES else trimmed(value)


def _is_text(value: Any) -> bool:
    """Whether it can be written down: JSON may hold halves of characters, which no file can."""
    try:
        return isinstance(value, str) and "\0" not in value and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _seconds(value: Any) -> float | None:
    """Raises `ValueError` for anything but a number that is not negative."""
    if value is None:
        return None
    seconds = math.nan if isinstance(value, bool) or not isinstance(value, str | int | float) else float(value)
    if not 0 <= seconds < math.inf:
        raise ValueError
    return seconds


def _default_id(audio: str, folder: Path) -> str:
    return plain(os.path.splitext(_inside(audio, folder))[0])


def _default_speaker(audio: str, folder: Path) -> str:
    return plain(os.path.dirname(_inside(audio, folder)) or folder.name)


def _inside(audio: str, folder: Path) -> str:
    """The path from the table's folder on; of audio elsewhere the path from the root on."""
    return audio.removeprefix(f"{folder}/").lstrip("/")
