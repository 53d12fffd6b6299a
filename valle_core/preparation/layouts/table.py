"""`table`: a CSV, TSV or JSONL file with one row per utterance, perhaps a part of a longer file.

Fields: `audio` (relative to the table, or absolute; required), `text` (else a `.txt` beside the audio), `speaker` (else
the audio's folder), `id` (else the audio's path without its ending, with `-{start in ms}` where a start is given),
`language`, `tone`, `start` and `end` in seconds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.preparation.layouts.layout import Found
from valle_core.preparation.layouts.rows import ENDINGS, read_rows
from valle_core.preparation.options import PrepareOptions
from valle_core.preparation.recordings import Recording, Rejection, plain
from valle_core.text.language_tags import normal_tag

LOOKS_FOR = f"a file {', '.join(ENDINGS)} with a column audio"

FIELDS = ("audio", "text", "speaker", "id", "language", "tone", "start", "end")
"""Columns that are read; others are named in the report."""


def matches(source: Path) -> bool:
    """See `LOOKS_FOR`."""
    return source.is_file() and source.suffix.lower() in ENDINGS


def find(source: Path, options: PrepareOptions) -> Found:
    """One recording per row. Whether its audio exists is seen when it is read."""
    header, rows = read_rows(source)
    if "audio" not in header:
        raise UserError(f"'{source}' has no column audio. Found {', '.join(header) or 'none'}")
    found, folder = Found(), Path(os.path.abspath(source.parent))
    if unused := [name for name in header if name not in FIELDS]:
        found.notes.append(f"columns not used: {', '.join(unused)}")
    for number, row in rows:
        if row is None:
            where = f"{source.name}:{number}"
            found.reject(where, "bad-line", f"{where} is no row with the fields {', '.join(header)}")
            continue
        made = _recording({name: row.get(name) for name in FIELDS}, folder, f"{source.name}:{number}")
        (found.rejected if isinstance(made, Rejection) else found.recordings).append(made)  # pyright: ignore[reportArgumentType]
    return found


def _recording(row: Mapping[str, Any], folder: Path, where: str) -> Recording | Rejection:
    """One row as a recording, or what is wrong with it."""
    values = {name: value for name, value in row.items() if value not in (None, "")}
    times = {name: values.pop(name) for name in ("start", "end") if name in values}
    if "audio" not in values:
        return Rejection(id=str(values.get("id", where)), reason="no-audio", detail=f"{where} names no audio")
    if wrong := [name for name, value in values.items() if not _is_text(value)]:
        detail = f"{where}: {wrong[0]} should be text, found {values[wrong[0]]!r}"
        return Rejection(id=str(values.get("id", where)), reason="bad-line", detail=detail)
    audio = os.path.normpath(folder / values["audio"])
    id = values.get("id", _default_id(audio, folder))
    try:
        start, end = (_seconds(times.get(name)) for name in ("start", "end"))
    except ValueError:
        start, end = 0.0, 0.0
    if end is not None and end <= (start or 0.0):
        detail = f"{where}: start and end should be seconds, the end after the start, found {times}"
        return Rejection(id=id, reason="bad-times", detail=detail)
    part = start is not None or end is not None
    if start is not None and "id" not in values:
        id = f"{id}-{round(start * 1000):08d}"
    stem = os.path.splitext(audio)[0]
    return Recording(
        id=id,
        speaker=values.get("speaker") or _default_speaker(audio, folder),
        audio=Path(audio),
        text=values.get("text"),
        text_file=None if "text" in values or part else f"{stem}.txt",
        facts_file=None if part or {"language", "tone"} <= set(values) else f"{stem}.json",
        language=normal_tag(values["language"]) if "language" in values else None,
        tone=values.get("tone"),
        start=start,
        end=end,
    )


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
