"""Rows of a CSV, TSV or JSONL file as dictionaries, each with the line it stands on."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_data.preparation.layouts.dialect import SEPARATORS, Separated, fields_of, lines_of, separated
from valle_data.preparation.visible import trimmed, visible

ENDINGS = (".csv", ".tsv", ".jsonl")
"""Of the files that can be read."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # a spreadsheet's "Unicode text" begins with one of them
_QUOTES_AS_LETTERS = "the quotes of '{name}' do not pair up: they are taken as letters"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """What a file says.

    Attributes:
        columns: their names in small letters (of JSONL: of all rows).
        rows: number of the line from 1, and what it says by column; None where it is not a row.
        notes: for the user.
    """

    columns: Sequence[str]
    rows: Iterator[tuple[int, dict[str, Any] | None]]
    notes: tuple[str, ...] = ()


def read_table(path: Path, *, needs: str, fits: Callable[[str], bool]) -> Table:
    """The rows of a table whose first line names its columns.

    CSV and TSV may be separated by `,`, tab, `;` or `|`, whatever the ending says: that one counts by which the first
    line has a column `needs`.

    Args:
        path: of the file.
        needs: a column that has to be there.
        fits: whether a field of this column can be one; decides where quotes are ambiguous (see `separated`).

    Raises:
        UserError: neither UTF-8 nor UTF-16, no such column, a column twice, quotes that do not close, or another
            ending.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"'{path}' is not a table. Expected one of {', '.join(ENDINGS)}")
    text = read_text(path)
    if ending == ".jsonl":
        return _json_lines(text, path, needs)
    return _separated(text, path, "," if ending == ".csv" else "\t", needs, fits)


def read_text(path: Path) -> str:
    """A file of text in UTF-8, or in UTF-16 if its first bytes say so. Raises `UserError` where it is neither."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 ({error.reason} at byte {error.start}). Convert it") from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"'{path}' is not text: line {line} holds a zero byte. Save it again as UTF-8")
    return text


def column_name(name: str) -> str:
    """The name of a column however it is written: ` Audio` is `audio`."""
    return visible(name).casefold()


def _json_lines(text: str, path: Path, needs: str) -> Table:
    lines = [(number, _json(line)) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
    names: dict[str, None] = {}
    for _, row in lines:
        names |= dict.fromkeys(row or ())
    if needs not in names:
        raise UserError(f"'{path}' has no column {needs}. Found {', '.join(names) or 'none'}")
    return Table(columns=list(names), rows=iter(lines))


def _json(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(trimmed(line), object_pairs_hook=_pairs)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as a dictionary. Raises `ValueError` where a name stands in it twice."""
    row = {column_name(name): value for name, value in pairs}
    if len(row) < len(pairs):
        raise ValueError("a name stands twice")
    return row


def _separated(text: str, path: Path, usual: str, needs: str, fits: Callable[[str], bool]) -> Table:
    first = next((line for line in lines_of(text) if trimmed(line)), "")
    if not first:
        raise UserError(f"'{path}' is empty. Its first line should name the columns")
    candidates = [usual, *(one for one in SEPARATORS if one != usual)]
    named = {one: [column_name(name) for name in fields_of(first, one)] for one in candidates}
    separator = next((one for one in candidates if needs in named[one]), None)
    if separator is None:
        raise UserError(_without_names(path, first, usual, needs, fits))
    place = named[separator].index(needs)
    found = separated(text, separator, what=str(path), fits=lambda row: fits(row[place]))
    columns = [column_name(name) for name in found.rows[0][1]]
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise UserError(f"'{path}' has two columns {twice[0]}. Rename or remove one of them")
    notes = (_QUOTES_AS_LETTERS.format(name=path.name),) if found.letters else ()
    return Table(columns=[name for name in columns if name], rows=_dictionaries(found, columns), notes=notes)


def _dictionaries(found: Separated, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    for number, fields in found.rows[1:]:
        row = dict(zip(columns, fields, strict=True)) if len(fields) == len(columns) else None
        yield number, row


def _without_names(path: Path, first: str, usual: str, needs: str, fits: Callable[[str], bool]) -> str:
    """What is wrong with a first line that does not name the column that is needed."""
    most = max((usual, *SEPARATORS), key=lambda one: len(fields_of(first, one)))
    fields = fields_of(first, most)
    lacks = f"'{path}' has no column {needs}. Found {', '.join(fields)[:80]}"
    if any("." in field and " " not in field and fits(field) for field in fields):
        example = {"\t": "audio<TAB>text<TAB>speaker"}.get(most, most.join(("audio", "text", "speaker")))
        return f"{lacks}. Its first line looks like a recording: write one above it that names the columns: {example}"
    return f"{lacks}. Its first line should name the columns, e.g. {needs}"
