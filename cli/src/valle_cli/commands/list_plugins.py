"""`valle list-plugins`: every plugin with its status; answers without Typer, pydantic or torch."""

from __future__ import annotations

import argparse
import json
import sys
from typing import NoReturn

from valle_core.plugin import UserError
from valle_core.registry.announced import every_kind
from valle_core.registry.catalog import Entry
from valle_core.registry.registry import Registry

EPILOG = """examples:
  valle list-plugins
  valle list-plugins --kind arch
  valle list-plugins --json | jq '.[] | select(.status != "ok")'
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"valle list-plugins: {message}")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    parser = _Parser(
        prog="valle list-plugins",
        description="Show every plugin: kind, name, version, distribution, status, why, and how to fix it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--kind", choices=[row.name for row in every_kind()], help="only this kind")
    parser.add_argument("--json", action="store_true", help="a JSON list on stdout, for scripts")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Print the list; returns 0 whatever state the plugins are in."""
    options = parser().parse_args(argv)
    registry = Registry.open(safe=safe)
    for warning in registry.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    rows = [as_row(entry) for entry in registry.entries(options.kind)]
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print_table(rows)
    return 0


def as_row(entry: Entry) -> dict[str, object]:
    """What a script reads about one plugin."""
    spec = entry.spec
    return {
        "kind": entry.kind.name,
        "name": entry.name,
        "version": entry.version,
        "distribution": entry.distribution,
        "status": entry.status,
        "why": entry.why,
        "hint": entry.hint,
        "summary": spec.summary if spec else "",
        "api": spec.api if spec else None,
        "devices": list(getattr(spec, "devices", ())),
        "dtypes": list(getattr(spec, "dtypes", ())),
        "capabilities": sorted(getattr(spec, "capabilities", ())),
    }


def print_table(rows: list[dict[str, object]]) -> None:
    """The rows as columns, with summary or reason and hint behind; warnings go to stderr."""
    columns = ("kind", "name", "version", "distribution", "status")
    cells = [columns, *(tuple(str(row[column]) or "-" for column in columns) for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    notes = ["", *(_note(row) for row in rows)]
    for line, note in zip(cells, notes, strict=True):
        text = "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        print(f"{text}  {note}".rstrip())
    for row in rows:
        if row["status"] == "ok" and row["why"]:
            print(f"warning: {row['kind']} '{row['name']}': {row['why']}", file=sys.stderr)


def _note(row: dict[str, object]) -> str:
    if row["status"] == "ok":
        return " ".join(str(row["summary"]).split())
    return f"{row['why']} -> {row['hint']}" if row["hint"] else str(row["why"])
