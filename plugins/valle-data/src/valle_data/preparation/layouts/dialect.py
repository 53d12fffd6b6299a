"""Lines of separated fields: whether their quotes are quotes or letters is decided over the whole file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from valle_core.plugin import UserError
from valle_data.preparation.visible import trimmed

SEPARATORS = ("|", "\t", ";", ",")
"""What may stand between fields, the least likely inside of a text first."""

Fields = tuple[int, list[str]]
"""Number of the line that a row begins on, from 1, and its fields without spaces around them."""

_LONGEST = 1 << 24  # characters of one field; csv would refuse more than 131,072


@dataclass(frozen=True, kw_only=True, slots=True)
class Separated:
    """The rows of a file.

    Attributes:
        rows: of every line that is not blank; without empty fields behind those of the first.
        letters: quotes stand in the fields as they are, for they do not pair up.
    """

    rows: Sequence[Fields]
    letters: bool = False


def lines_of(text: str) -> list[str]:
    """The lines, however they end: a lone `\\r` ends one only where there is no `\\n`."""
    return re.split(r"\r?\n" if "\n" in text else r"\r", text)


def fields_of(line: str, separator: str) -> list[str]:
    """The fields of one line by itself: quoted if its quotes pair up, else as it stands."""
    return [trimmed(field) for field in _quoted(line, separator) or line.split(separator)]


def separated(text: str, separator: str, *, what: str, fits: Callable[[Sequence[str]], bool]) -> Separated:
    """The rows of a text.

    A quote is a quote where a field begins with it, ends with it and doubles it inside, as RFC 4180 says. In this
    order: every field does so within its line; all lines fit as they stand, so the quotes are letters; fields go over
    several lines.

    Args:
        text: of the file.
        separator: one of `SEPARATORS`.
        what: the file, for messages.
        fits: whether these fields of one line can be a row, e.g. whether the field of the audio names audio.

    Raises:
        UserError: a quote does not close, and the lines do not fit as they stand either.
    """
    lines = [(number, line) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
    if '"' not in text:
        return Separated(rows=_even([(number, line.split(separator)) for number, line in lines]))
    letters = _even([(number, line.split(separator)) for number, line in lines])
    quoted = _by_line(lines, separator)
    if quoted and _is_better(quoted, letters):
        return Separated(rows=quoted)
    width = len(letters[0][1])
    if all(len(row) == width and fits(row) for _, row in letters[1:]):
        return Separated(rows=letters, letters=True)
    try:
        return Separated(rows=_even(_over_lines(text, separator)))
    except csv.Error as error:
        if separator == "\t":
            return Separated(rows=letters, letters=True)
        line = next(number for number, line in lines if _quoted(line, separator) is None)
        raise UserError(
            f"'{what}': the quote on line {line} does not close ({error}). Write a quote inside of a field twice"
        ) from error


def _by_line(lines: Sequence[tuple[int, str]], separator: str) -> list[Fields] | None:
    """Each line parsed by itself; None where the quotes of one do not pair up."""
    rows = []
    for number, line in lines:
        row = _quoted(line, separator) if '"' in line else line.split(separator)
        if row is None:
            return None
        rows.append((number, row))
    return _even(rows)


def _is_better(quoted: Sequence[Fields], letters: Sequence[Fields]) -> bool:
    """Whether no row loses the right number of fields by its quotes."""
    width, parsed = len(quoted[0][1]), dict(quoted)
    return all(len(parsed.get(number, ())) == width or len(row) != width for number, row in letters)


def _over_lines(text: str, separator: str) -> Iterator[Fields]:
    """Rows of the whole text, whose fields may hold ends of lines. Raises `csv.Error`."""
    with _long_fields():
        reader = csv.reader(
            (f"{_closed(line, separator)}\n" for line in lines_of(text)),
            delimiter=separator,
            strict=True,
            skipinitialspace=True,
        )
        start, rows = 1, []
        for row in reader:
            if any(field.strip() for field in row):
                rows.append((start, row))
            start = reader.line_num + 1
    yield from rows


def _quoted(line: str, separator: str) -> list[str] | None:
    """The fields of a line, or None where its quotes do not pair up."""
    try:
        with _long_fields():
            return next(csv.reader([_closed(line, separator)], delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error:
        return None


def _closed(line: str, separator: str) -> str:
    """The line without spaces between a quote and the separator behind it, which the csv module takes for a fault."""
    return re.sub(rf'" +(?={re.escape(separator)}|$)', '"', line) if '" ' in line else line


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _even(rows: Sequence[Fields] | Iterator[Fields]) -> list[Fields]:
    """The rows with their fields trimmed, without blank ones, and without empty fields behind those of the first."""
    made: list[Fields] = []
    width = 0
    for number, row in rows:
        fields = [trimmed(field) for field in row]
        while len(fields) > width and fields and not fields[-1]:
            fields.pop()
        if any(fields):
            width = width or len(fields)
            made.append((number, fields))
    return made
