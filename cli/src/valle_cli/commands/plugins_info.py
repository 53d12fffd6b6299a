"""`valle plugins info NAME`: all that one plugin says about itself; answers without importing torch."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Iterator
from typing import Any, NoReturn

from valle_cli.commands.list_plugins import as_row
from valle_cli.installed import installed_named
from valle_core.plugin import PluginSpec, Requirement, UserError
from valle_core.registry.announced import every_kind
from valle_core.registry.catalog import Entry
from valle_core.registry.loading import is_importable, one_line
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected

EPILOG = """examples:
  valle plugins info tiny
  valle plugins info valle-retnet:retnet --kind arch --json
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"valle plugins info: {message}")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    parser = _Parser(
        prog="valle plugins info",
        description="Show what a plugin says about itself: status, devices, needs, licence, options, "
        "and where it lies.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", help="plugin, or distribution:plugin")
    parser.add_argument("--kind", choices=[row.name for row in every_kind()], help="where several kinds have the name")
    parser.add_argument("--json", action="store_true", help="a JSON object on stdout, for scripts")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Print it; returns 0. Raises `UserError` for a name nobody has and for one that several kinds have."""
    options = parser().parse_args(argv)
    facts = facts_of(find_entry(Registry.open(safe=safe), options.name, options.kind))
    if options.json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return 0
    for line in lines_of(facts):
        print(line)
    return 0


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


def find_entry(registry: Registry, name: str, kind: str | None) -> Entry:
    """The plugin of this name, of any kind. Raises `UserError` for a name nobody has and for one of several kinds."""
    if kind:
        return registry.find(kind, name)
    known = {entry.kind.name for entry in registry.entries() if entry.name == name.rpartition(":")[2]}
    if len(known) > 1:
        raise UserError(f"several kinds have '{name}'. Choose one: --kind {' or --kind '.join(sorted(known))}")
    if not known:
        near = difflib.get_close_matches(name, sorted({entry.name for entry in registry.entries()}), n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise UserError(f"there is no plugin '{name}'.{hint} See: valle list-plugins")
    return registry.find(known.pop(), name)


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
