"""The result of a benchmark: named columns, the machine they were measured on, as text, Markdown and JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.files import write_json, write_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of the printed table.

    Attributes:
        key: field of the rows.
        title: over the column; units belong here.
        form: format specification of numbers, e.g. `".1f"`.
    """

    key: str
    title: str
    form: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What one run of a benchmark measured.

    Attributes:
        title: one line that says what is compared.
        facts: machine, versions, load, commit, date, command.
        rows: one mapping per measured setting.
        columns: those that are printed; JSON holds all keys of the rows.
    """

    title: str
    facts: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[Column]

    def text(self) -> str:
        """The table for a terminal: words to the left, numbers to the right."""
        cells = self._cells()
        widths = [max(len(row[index]) for row in cells) for index in range(len(self.columns))]
        numeric = [_is_number(self.rows[0].get(column.key)) for column in self.columns] if self.rows else []
        lines = []
        for row in cells:
            padded = [
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numeric or [False] * len(row), strict=True)
            ]
            lines.append("  ".join(padded).rstrip())
        return "\n".join(lines)

    def table(self) -> str:
        """The table in Markdown."""
        head, *body = (f"| {' | '.join(row)} |" for row in self._cells())
        return "\n".join([head, "|" + "---|" * len(self.columns), *body])

    def markdown(self) -> str:
        """Title, table and facts as one page."""
        return "\n".join([f"# {self.title}", "", self.table(), "", listed(self.facts)]) + "\n"

    def to_json(self) -> dict[str, Any]:
        """All that was measured."""
        return {"title": self.title, "facts": dict(self.facts), "rows": [dict(row) for row in self.rows]}

    def save(self, folder: Path, stem: str) -> list[Path]:
        """Write `stem`.json and `stem`.md; each appears whole or not at all. Returns their paths.

        Raises:
            UserError: the folder cannot be written to.
        """
        paths = [folder / f"{stem}.json", folder / f"{stem}.md"]
        write_json(paths[0], self.to_json())
        write_text(paths[1], self.markdown())
        return paths

    def _cells(self) -> list[list[str]]:
        shown = [[_show(row.get(column.key), column.form) for column in self.columns] for row in self.rows]
        return [[column.title for column in self.columns], *shown]


def listed(facts: Mapping[str, Any]) -> str:
    """Facts in Markdown, one line each."""
    return "\n".join(f"* {name.replace('_', ' ')}: {value}" for name, value in facts.items())


def as_mappings(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Dataclass rows with their fields as keys."""
    return [{field.name: getattr(row, field.name) for field in dataclasses.fields(row)} for row in rows]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _show(value: object, form: str) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return format(value, form) if _is_number(value) else str(value)
