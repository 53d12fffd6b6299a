"""The kinds there are on this machine, those that are switched off included."""

from __future__ import annotations

from valle_core.plugin import Kind
from valle_core.registry.kinds import ROWS, kind_named
from valle_core.registry.registry import Registry
from valle_core.registry.scan import scan


def every_kind() -> tuple[Kind, ...]:
    """The kinds of the core and those announced on this machine; one that cannot be used is left out."""
    return Registry(scan()).rows


def kind_of(name: str) -> Kind:
    """The kind called `name`, of the core or announced on this machine. Raises `UserError` naming those there are."""
    return kind_named(name, ROWS if name in {row.name for row in ROWS} else every_kind())
