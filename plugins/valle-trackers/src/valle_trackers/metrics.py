"""The metrics of a run by column, with what adds up over its lines."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from valle_core.api import RunFolder, UserError
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import is_of

SUMMED = ("tokens", "seconds", "hours")
"""Columns that are added up from line to line; seconds and hours follow from tokens and their pace."""
_LEVEL = re.compile(r"level(\d+)\.(loss|accuracy|held_out_loss)")


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """What one run wrote.

    Attributes:
        name: for legends.
        lines: in the order of the steps; a torn last one is left out.
    """

    name: str
    lines: Sequence[dict[str, Any]]

    @property
    def columns(self) -> list[str]:
        """All columns with numbers, sorted, and those that can be added up."""
        found = {name for line in self.lines for name, value in line.items() if is_of(value, float)}
        if {"tokens", "tokens_per_second"} <= found:
            found |= {*SUMMED}
        return sorted(found)

    def series(self, x: str, y: str) -> tuple[list[float], list[float]]:
        """The points of the lines that have both.

        Raises:
            UserError: no line has such a column.
        """
        points = [(a, b) for a, b in zip(self.column(x), self.column(y), strict=True) if None not in (a, b)]
        if not points:
            raise UserError(f"{self.name}: no line has both {x} and {y}")
        return [a for a, _ in points if a is not None], [b for _, b in points if b is not None]

    def column(self, name: str) -> list[float | None]:
        """A value for each line, None where it has none. Raises `UserError` where none has."""
        name = column_named(name)
        values = [line[name] if is_of(line.get(name), float) else None for line in self.lines]
        if name in SUMMED:
            tokens = [float(line.get("tokens") or 0) for line in self.lines]
            paces = [float(line.get("tokens_per_second") or 0) for line in self.lines]
            if not any(tokens):
                raise UserError(f"{self.name}: its metrics have no tokens, it is of an older valle; use --x step")
            took = [count / pace if pace else 0.0 for count, pace in zip(tokens, paces, strict=True)]
            parts = {"tokens": tokens, "seconds": took, "hours": [one / 3600 for one in took]}[name]
            return [*accumulate(parts)]
        if not any(value is not None for value in values):
            near = difflib.get_close_matches(name, self.columns, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise UserError(f"{self.name}: no column '{name}'.{hint} Columns: {', '.join(self.columns)}")
        return values


def column_named(name: str) -> str:
    """A column by the name that was typed: `level0.accuracy` is `accuracy_0`."""
    found = _LEVEL.fullmatch(name)
    return f"{found[2]}_{found[1]}" if found else name


def read_run(path: Path) -> RunMetrics:
    """The metrics of a run folder, or of a metrics.jsonl.

    Raises:
        UserError: there is none, or no line yet.
    """
    file = path if path.is_file() else RunFolder(path).metrics
    name = str(path.parent if path.is_file() else path)
    try:
        texts = read_bytes(file).decode("utf-8", errors="replace").splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: no metrics to read ({why}). Name the folder of a run") from None
    lines = []
    for text in texts:
        try:
            line = loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and is_of(line.get("step"), int):
            lines.append(line)
    if not lines and path.is_file() and texts:
        raise UserError(f"{path} is not a file of metrics. Name the folder of a run")
    if not lines:
        raise UserError(f"{path}: its metrics hold no step yet. Train at least until the first log line")
    return RunMetrics(name=name, lines=lines)
