"""`lhotse`: a folder of manifests, `*recordings*.jsonl[.gz]` with `*supervisions*.jsonl[.gz]`, or `*cuts*.jsonl[.gz]`.

The manifests are read as the JSON they are, so lhotse itself, whose import takes two seconds, is not needed.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.reading.json_text import loads
from valle_core.reading.kinds import check_kinds, is_of
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.supervisions import Manifest, add_cuts, add_part
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import plain

LOOKS_FOR = "*recordings*.jsonl[.gz] with *supervisions*.jsonl[.gz], or *cuts*.jsonl[.gz]"

_NAME = re.compile(r"(?P<before>.*?)(?P<kind>recordings|supervisions|cuts)(?P<part>.*?)\.jsonl(?:\.gz)?")


def matches(source: Path) -> bool:
    """See `LOOKS_FOR`."""
    kinds = {kind for kind, _, _ in _manifests(source)} if source.is_dir() else set()
    return "cuts" in kinds or {"recordings", "supervisions"} <= kinds


def find(source: Path, options: PrepareOptions) -> Found:
    """What stands in a name behind the kind is the group, `all` is none: `x_recordings_test.jsonl` → `test/…`.

    A supervision is an utterance. Where both are there, supervisions are read and cuts are not.
    """
    found, name = Found(), plain(source.resolve().name)
    files = {(kind, key): path for kind, key, path in _manifests(source)}
    paired = [key for kind, key in files if kind == "supervisions" and ("recordings", key) in files]
    for (kind, key), path in files.items():
        if kind != "cuts" and key not in paired:
            other = "supervisions" if kind == "recordings" else "recordings"
            found.notes.append(f"'{path.name}' is not used: the {other} that belong to it are missing")
    for key in paired:
        recordings = _read(files["recordings", key], found)
        folder = _folder(recordings, source)
        supervisions = _read(files["supervisions", key], found)
        add_part(found, _group(key), recordings, supervisions, folder=folder, name=name)
    for key in [key for kind, key in files if kind == "cuts"]:
        if paired:
            found.notes.append(f"'{files['cuts', key].name}' is not used beside the supervisions")
            continue
        cuts = _read(files["cuts", key], found)
        folder = _folder([cut["recording"] for cut in cuts[:1] if cut.get("recording")], source)
        add_cuts(found, _group(key), cuts, folder=folder, name=name)
    return found


def _manifests(source: Path) -> Iterator[tuple[str, tuple[str, str], Path]]:
    """Kind, (what stands before it, what stands behind it), and path of each manifest, sorted."""
    for name in sorted(os.listdir(source)):
        if found := _NAME.fullmatch(name):
            yield found["kind"], (found["before"], found["part"]), source / name


def _group(key: tuple[str, str]) -> str:
    part = plain(key[1]).strip("_-.")
    return "" if part == "all" else part


def _read(path: Path, found: Found) -> list[Manifest]:
    """The lines of a manifest; one that is no manifest is rejected."""
    opened: Any = gzip.open if path.suffix == ".gz" else open
    lines: list[Manifest] = []
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    lines.append(_checked(loads(line)))
                except (ValueError, KeyError, TypeError, OverflowError) as error:
                    found.reject(
                        f"{path.name}:{number}", "bad-line", f"'{path.name}:{number}' is not a manifest ({error!r})"
                    )
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise UserError(
            f"'{path}' cannot be read ({getattr(error, 'strerror', None) or error}). Write it again with lhotse"
        ) from error
    return lines


def _checked(one: Any) -> Manifest:
    """Raises where what every use of it needs is missing or of another kind."""
    _check_scalar(one["id"])
    for recording in [one] if "sources" in one else [one["recording"]] if one.get("recording") else []:
        check_kinds(recording, {"sources": (dict,)})
        _check_scalar(recording["id"])
        _ = _seconds(recording["duration"])
        for source in recording["sources"]:
            check_kinds(source, {"type": str, "source": str, "channels": (int,)})
            if "\0" in source["source"]:
                raise ValueError("a path holds a zero")
    entries = [one] if "recording_id" in one else one.get("supervisions") or []
    for supervision in entries:
        check_kinds(supervision, {})
        given = {name: value for name in ("custom", "text") if (value := supervision.get(name)) is not None}
        check_kinds(given, {"custom": dict, "text": str}, ("custom", "text"))
        _ = _seconds(supervision["start"]), _seconds(supervision["duration"])
        for name in ("speaker", "language", "recording_id", "id"):
            _check_scalar(supervision.get(name))
    for holder in (one, *entries):
        channel = holder.get("channel", 0)
        if not is_of(channel, int) and not is_of(channel, (int,)):
            raise ValueError(f"channel must be a number or a list of them, got {channel!r:.80}")
    if "supervisions" in one:
        _ = _seconds(one.get("start", 0.0))
    return one


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError(f"a time must be seconds, got {value!r:.80}")
    return seconds


def _check_scalar(value: Any) -> None:
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError(f"a name must be text, got {value!r:.80}")


def _folder(recordings: list[Manifest], source: Path) -> Path:
    """What the first relative path of audio begins at: the manifests' folder, the one above, or the current one."""
    paths = (str(one["sources"][0]["source"]) for one in recordings if one["sources"])
    relative = next((path for path in paths if not os.path.isabs(path)), "")
    places = [Path(os.path.abspath(source)), Path(os.path.abspath(source)).parent, Path.cwd()]
    return next((place for place in places if relative and (place / relative).exists()), places[0])
