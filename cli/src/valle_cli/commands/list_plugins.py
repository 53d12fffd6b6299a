"""`valle list-plugins`: every plugin with its status; answers without Typer, pydantic or torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from valle.plugins import Plugin, plugin_of, plugins_of
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.registry.catalog import Entry


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is listed.

    Attributes:
        kind: show plugins of this kind only
    """

    kind: str | None = field(default=None, metadata={"one_of": "kinds"})


SCHEMA = Schema(sections=(Section("list", Options, flat=True, help="Options"),))


def list_plugins(context: CommandContext) -> CommandResult:
    """Show every plugin: kind, name, version, distribution, status, why, and how to fix it."""
    registry = context.registry
    rows = [_row(plugin) for plugin in plugins_of(registry, context.options("list").kind)]
    for line in [*registry.warnings, *registry.complaints, *([] if context.json else warnings_of(rows))]:
        context.warn(line)
    return CommandResult(text=table(rows), facts=rows)


def as_row(entry: Entry) -> dict[str, object]:
    """What a script reads about one plugin."""
    return _row(plugin_of(entry))


def _row(plugin: Plugin) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(plugin).items()}


def table(rows: Sequence[dict[str, object]]) -> str:
    """The rows as columns, with summary or reason and hint behind."""
    columns = ("kind", "name", "version", "distribution", "status")
    cells = [columns, *(tuple(str(row[column]) or "-" for column in columns) for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    notes = ["", *(_note(row) for row in rows)]
    lines = []
    for line, note in zip(cells, notes, strict=True):
        text = "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        lines.append(f"{text}  {note}".rstrip())
    return "\n".join(lines)


def warnings_of(rows: Sequence[dict[str, object]]) -> list[str]:
    """One line for each plugin that can be used, and about which there is something to say."""
    return [f"{row['kind']} '{row['name']}': {row['why']}" for row in rows if row["status"] == "ok" and row["why"]]


def _note(row: dict[str, object]) -> str:
    if row["status"] == "ok":
        return " ".join(str(row["summary"]).split())
    return f"{row['why']} -> {row['hint']}" if row["hint"] else str(row["why"])
