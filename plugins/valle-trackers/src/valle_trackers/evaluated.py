"""What an evaluation of a run wrote (RUN/eval/step-…), as sounds and pictures with names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.place import inside


class Media(NamedTuple):
    """Name → wav file, and name → PNG file."""

    sounds: Mapping[str, Path]
    pictures: Mapping[str, Path]


def media_of(run: Path, step: int) -> Media:
    """Those of a step; nothing where it was not evaluated.

    Raises:
        OSError, ValueError: its eval.json is damaged, or names what is not in the folder.
    """
    folder = run / "eval" / f"step-{step:08d}"
    if not (folder / "eval.json").is_file():
        return Media({}, {})
    facts: Any = loads(read_bytes(inside(folder, "eval.json")).decode("utf-8"))
    named: dict[str, str] = {"eval/attention": facts.get("attention") or ""}
    for number, one in enumerate(facts.get("sentences") or (), 1):
        named |= {
            f"eval/{number}/{what}": one.get(what) or "" for what in ("speech", "recording", "spectrogram", "pointer")
        }
    files = {name: inside(folder, file) for name, file in named.items() if file}
    return Media(
        {name: path for name, path in files.items() if path.suffix == ".wav"},
        {name: path for name, path in files.items() if path.suffix == ".png"},
    )
