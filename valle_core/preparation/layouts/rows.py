"""Rows of a CSV, TSV or JSONL file as dictionaries, each with the line it stands on."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError

ENDINGS = (".csv", ".tsv", ".jsonl")
"""Of the files that can be read."""

Line = tuple[int, dict[str, Any] | None]
"""Number of the line from 1, and what it says; None where it is no row."""

_LONGEST = 1 << 24  # characters of one field; csv would refuse more than 131,072


def read_rows(path: Path) -> tuple[list[str], Iterator[Line]]:
    """The names of the columns (of JSONL: of its first row), and the rows.

    TSV may be quoted as CSV is; where its quotes do not pair up, they are letters.

    Raises:
        UserError: not UTF-8, no header, quotes that do not close, or another ending.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"'{path}' is no table. Expected one of {', '.join(ENDINGS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 ({error.reason} at byte {error.start}). Convert it") from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}") from error
    if ending == ".jsonl":
        return _json_lines(text)
    return _separated(text, path, "," if ending == ".csv" else "\t")


def _json_lines(text: str) -> tuple[list[str], Iterator[Line]]:
    lines = [(number, _json(line)) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    names: dict[str, None] = {}
    for _, row in lines:
        names |= dict.fromkeys(row or ())
    return list(names), iter(lines)


def _json(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _separated(text: str, path: Path, delimiter: str) -> tuple[list[str], Iterator[Line]]:
    try:
        lines = _parse(text, delimiter, csv.QUOTE_MINIMAL)
    except csv.Error as error:
        if delimiter == ",":
            raise UserError(f"'{path}': {error}. Write a quote inside of a field twice") from error
        lines = _parse(text, delimiter, csv.QUOTE_NONE)
    if not lines:
        raise UserError(f"'{path}' is empty. Its first line should name the columns")
    header = [name.strip() for name in lines[0][1]]

    def rows() -> Iterator[Line]:
        for number, values in lines[1:]:
            yield number, dict(zip(header, values, strict=True)) if len(values) == len(header) else None

    return header, rows()


def _parse(text: str, delimiter: str, quoting: Any) -> list[tuple[int, list[str]]]:
    """(line, fields) of each line that is not blank."""
    before = csv.field_size_limit(_LONGEST)
    try:
        reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
        lines, start = [], 1
        for values in reader:
            if any(value.strip() for value in values):
                lines.append((start, values))
            start = reader.line_num + 1
        return lines
    finally:
        csv.field_size_limit(before)
