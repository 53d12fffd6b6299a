"""`valle plugins info NAME`: all that one plugin says about itself; answers without importing torch."""

from __future__ import annotations

import argparse
import json
from typing import NoReturn

from valle_cli.commands.list_plugins import as_row
from valle_core.plugin import UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.kinds import ROWS
from valle_core.registry.registry import Registry

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
        description="Show what a plugin says about itself: status, devices, needs, licence, advisories.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", help="plugin, or distribution:plugin")
    parser.add_argument("--kind", choices=[row.name for row in ROWS], help="where several kinds have the name")
    parser.add_argument("--json", action="store_true", help="a JSON object on stdout, for scripts")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Print it; returns 0. Raises `UserError` for a name nobody has and for one that several kinds have."""
    options = parser().parse_args(argv)
    facts = facts_of(find_entry(Registry.open(safe=safe), options.name, options.kind))
    if options.json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return 0
    for name, value in facts.items():
        if isinstance(value, dict):
            value = [f"{key}: {item}" for key, item in value.items()]
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        if text:
            print(f"{name:<14}{text}")
    return 0


def find_entry(registry: Registry, name: str, kind: str | None) -> Entry:
    """The plugin of this name, of any kind. Raises `UserError` for a name nobody has and for one of several kinds."""
    if kind:
        return registry.find(kind, name)
    known = {entry.kind.name for entry in registry.entries() if entry.name == name.rpartition(":")[2]}
    if len(known) > 1:
        raise UserError(f"several kinds have '{name}'. Choose one: --kind {' or --kind '.join(sorted(known))}")
    if not known:
        raise UserError(f"there is no plugin '{name}'. See: valle list-plugins")
    return registry.find(known.pop(), name)


def facts_of(entry: Entry) -> dict[str, object]:
    """What the list says, and the rest of the spec."""
    spec = entry.spec
    needs = {kind: ", ".join(sorted(words)) for kind, words in getattr(spec, "needs", {}).items()}
    return as_row(entry) | {
        "needs": needs,
        "requires": [f"{need.module} ({need.hint})" for need in getattr(spec, "requires", ())],
        "licence": getattr(spec, "licence", ""),
        "advisories": list(getattr(spec, "advisories", ())),
        "options": getattr(spec, "options", ""),
        "factory": getattr(spec, "factory", ""),
    }
