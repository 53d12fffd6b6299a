"""The plugin that a name means, of whatever kind."""

from __future__ import annotations

import difflib

from valle_core.plugin import UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.registry import Registry


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
