"""What was measured, kept in the user's cache folder: one JSON object, checked when it is read."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

from valle_core.files import write_json
from valle_core.reading.json_text import read_json

FORMAT = 1


def place() -> Path:
    """`attention.json` in the folder of valle in $XDG_CACHE_HOME, else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "valle" / "attention.json"


def read(path: Path) -> dict[str, dict[str, float]]:
    """Situation → kernel → seconds; nothing where the file is missing or is not what `write` writes."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("took"), dict):
        return {}
    return {situation: took for situation, took in content["took"].items() if _is_timing(took)}


def write(path: Path, took: Mapping[str, Mapping[str, float]]) -> None:
    """Keeps it where that is possible: a cache that cannot be written is done without."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"format": FORMAT, "took": {key: dict(value) for key, value in sorted(took.items())}})
    except OSError:
        return


def _is_timing(took: object) -> bool:
    return isinstance(took, dict) and bool(took) and all(map(_is_time, took.values()))


def _is_time(x: object) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and x > 0 and math.isfinite(x)
