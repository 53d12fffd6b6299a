"""`valle plugins info NAME`: all that one plugin says about itself; answers without importing torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from valle_cli.commands.list_plugins import as_row
from valle_cli.installed import installed_named
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import PluginSpec, Requirement, UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.loading import is_importable, one_line
from valle_core.registry.select import Selected
from valle_testing.named import find_entry


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Which plugin.

    Attributes:
        name: name of the plugin, or DISTRIBUTION:NAME
        kind: kind of the plugin, where several kinds have the name
    """

    name: str
    kind: str | None = field(default=None, metadata={"one_of": "kinds"})


SCHEMA = Schema(sections=(Section("info", Options, flat=True, help="Options", positional=("name",)),))


def info(context: CommandContext) -> CommandResult:
    """Show the details of a plugin: status, devices, requirements, licence, options and location."""
    own: Options = context.options("info")
    facts = facts_of(find_entry(context.registry, own.name, own.kind))
    return CommandResult(text="\n".join(lines_of(facts)), facts=facts)


def lines_of(facts: dict[str, Any]) -> Iterator[str]:
    """One line for each fact that is not empty, then a table of the options."""
    for name, value in facts.items():
        if name == "options" and isinstance(value, list):
            continue
        if isinstance(value, dict):
            value = [f"{key}: {item}" for key, item in value.items()]
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        if text and value is not None:
            yield f"{name.replace('_', ' '):<14}{text}"
    options = facts["options"]
    if not isinstance(options, list):
        return
    yield "options" if options else "options       none"
    cells = [(f"{one['flag']} {one['type']}", one["default"] or "-", one["help"]) for one in options]
    widths = [max(len(cell[index]) for cell in cells) for index in (0, 1)] if cells else []
    for flag, default, text in cells:
        yield f"  {flag:<{widths[0]}}  {default:<{widths[1]}}  {text}".rstrip()


def facts_of(entry: Entry) -> dict[str, Any]:
    """What the list says, the rest of the spec, its options, and where its distribution lies.

    `options` is a list, or a line that says why the options cannot be shown. Imports the module of the options only.
    """
    spec = entry.spec
    needs = {kind: ", ".join(sorted(words)) for kind, words in getattr(spec, "needs", {}).items()}
    return as_row(entry) | {
        "owed": sorted(entry.kind.owed),
        "needs": needs,
        "requires": [_requirement(need) for need in getattr(spec, "requires", ())],
        "licence": getattr(spec, "licence", ""),
        "paper": getattr(spec, "paper", ""),
        "memory": getattr(spec, "memory", ""),
        "weights": getattr(spec, "weights", ""),
        "advisories": list(getattr(spec, "advisories", ())),
        "expected_failures": dict(getattr(spec, "expected_failures", {})),
        "factory": getattr(spec, "factory", ""),
        "options_class": getattr(spec, "options", ""),
        **_source(entry),
        "options": _options(entry),
    }


def _requirement(need: Requirement) -> str:
    return f"{need.module} ({'is there' if is_importable(need.module) else f'is missing: {need.hint}'})"


def _source(entry: Entry) -> dict[str, str]:
    """Where the distribution lies, where it was installed from, and its home page."""
    found = installed_named(entry.distribution) if entry.version else None
    if found is None:
        return {"location": "", "editable": "", "home_page": ""}
    return {
        "location": str(found.folder.parent),
        "editable": str(found.source or ""),
        "home_page": found.home_page(),
    }


def _options(entry: Entry) -> list[dict[str, str]] | str:
    spec = entry.spec
    if not isinstance(spec, PluginSpec):
        return ""
    if entry.status not in ("ok", "conflict", "unavailable"):
        return f"not shown, because it is {entry.status}"
    from valle_cli.option_table import dataclass_rows

    try:
        options_type = Selected(name=entry.name, entry=entry, spec=spec).options_type()
        rows = list(dataclass_rows(options_type, f"{entry.kind.name}.", ""))
    except Exception as error:
        return f"cannot be shown: {error if isinstance(error, UserError) else one_line(error)}"
    return [
        {"flag": row.flag, "key": row.key, "type": row.metavar, "default": row.default or "", "help": row.help}
        for row in rows
    ]
