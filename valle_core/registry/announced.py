"""Kinds that other distributions announce in the group `valle.kinds`, read with the care that any plugin gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from valle_core.plugin import CommandSpec, HookSpec, Kind, PluginSpec, ReferenceSpec
from valle_core.registry.kinds import ROWS, kind_named
from valle_core.registry.loading import LoadError, load_spec
from valle_core.registry.scan import Found, scan

GROUP = "valle.kinds"
SPECS = (PluginSpec, CommandSpec, HookSpec, ReferenceSpec)
_FIELDS: dict[str, type] = {"group": str, "interface": str, "api": int, "suite": str, "floor": int, "template": str}


def with_announced(rows: Sequence[Kind], found: Iterable[Found]) -> tuple[tuple[Kind, ...], list[str]]:
    """The rows and those announced, in the order of their names; a warning for each that cannot be used."""
    table, warnings = list(rows), []
    for entry in sorted(dict.fromkeys(found), key=lambda one: (one.name, one.distribution)):
        try:
            kind: Any = load_spec(entry.value)
            complaint = _complaint(kind, entry, table)
        except LoadError as error:
            kind, complaint = None, str(error)
        if complaint:
            owner = f"{entry.distribution} {entry.version}".strip()
            warnings.append(f"kind '{entry.name}' ({owner}) cannot be used: {complaint}")
        else:
            table.append(kind)
    return tuple(table), warnings


def every_kind() -> tuple[Kind, ...]:
    """The kinds of the core and those announced on this machine; one that cannot be used is left out."""
    return with_announced(ROWS, (entry for entry in scan().found if entry.group == GROUP))[0]


def kind_of(name: str) -> Kind:
    """The kind called `name`, of the core or announced on this machine. Raises `UserError` naming those there are."""
    found = next((row for row in ROWS if row.name == name), None)
    return found or kind_named(name, every_kind())


def _complaint(kind: Any, entry: Found, table: Sequence[Kind]) -> str:
    if type(kind) is not Kind:
        return f"{entry.value} is a {type(kind).__name__}, expected a Kind"
    for field, wanted in _FIELDS.items():
        if not isinstance(getattr(kind, field), wanted):
            return f"{entry.value} says {field}={getattr(kind, field)!r}, expected a {wanted.__name__}"
    if kind.name != entry.name:
        return f"{entry.value} says name '{kind.name}' but is announced as '{entry.name}'"
    if not kind.group.startswith("valle.") or kind.group == GROUP:
        return f"{entry.value} says group '{kind.group}'; a group must begin with 'valle.' and be its own"
    if kind.spec not in SPECS:
        return f"{entry.value} says spec={kind.spec!r}, expected one of: {', '.join(spec.__name__ for spec in SPECS)}"
    for row in table:
        if kind.name == row.name or kind.group == row.group:
            return f"name or group is taken by the kind '{row.name}'"
    return ""
