"""Kinds that other distributions announce in the group `valle.kinds`, read with the care that any plugin gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from valle_core.plugin import CommandSpec, HookSpec, Kind, PluginSpec, ReferenceSpec
from valle_core.registry.directory import DIRECTORY
from valle_core.registry.loading import LoadError, load_spec
from valle_core.registry.scan import SERVICES, VOICES, Found

GROUP = "valle.kinds"
NOT_OF_KINDS = (GROUP, SERVICES, VOICES, DIRECTORY)
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


def _complaint(kind: Any, entry: Found, table: Sequence[Kind]) -> str:
    if type(kind) is not Kind:
        return f"{entry.value} is a {type(kind).__name__}, expected a Kind"
    for field, wanted in _FIELDS.items():
        if not isinstance(getattr(kind, field), wanted):
            return f"{entry.value} says {field}={getattr(kind, field)!r}, expected a {wanted.__name__}"
    if kind.name != entry.name:
        return f"{entry.value} says name '{kind.name}' but is announced as '{entry.name}'"
    if kind.group != f"valle.{kind.name}" or kind.group in NOT_OF_KINDS:
        return f"{entry.value} says group '{kind.group}'; a group must be 'valle.' and the name, and not taken"
    if kind.spec not in SPECS:
        return f"{entry.value} says spec={kind.spec!r}, expected one of: {', '.join(spec.__name__ for spec in SPECS)}"
    for row in table:
        if kind.name == row.name or kind.group == row.group:
            return f"name or group is taken by the kind '{row.name}'"
    return ""
