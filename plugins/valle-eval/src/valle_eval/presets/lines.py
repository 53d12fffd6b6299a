"""Lists of test sets: their lines, and files that must lie in the folder that was named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from valle_core.plugin import UserError
from valle_core.reading import json_text


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are not blank. Raises `UserError` for what is not UTF-8 text."""
    try:
        text = json_text.read_bytes(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' cannot be read ({why}). Give an existing UTF-8 text file") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line


def inside(folder: Path, name: str, where: str) -> Path:
    """A file of the folder. Raises `UserError` for one that lies elsewhere."""
    path = folder / name
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{where}: '{name}' does not lie in '{folder}'")
    return path
