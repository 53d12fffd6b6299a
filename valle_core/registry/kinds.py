"""The table of kinds: what a user can pick by name. A new kind is one row here."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import CommandSpec, HookSpec, PluginSpec, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One row of the table.

    Attributes:
        name: word used in flags, YAML and messages.
        group: entry-point group its plugins announce themselves in.
        interface: `"module:attribute"` of the Protocol that what the factory builds must satisfy.
        api: API number of the contract; a plugin one number older still works, with a warning.
        suite: `"module"` of the conformance suite.
        spec: class of the object an entry point of the group names.
        placed: objects live on the run's device in the run's dtype, so preflight compares both.
    """

    name: str
    group: str
    interface: str
    api: int
    suite: str
    spec: type = PluginSpec
    placed: bool = False


KINDS: tuple[Kind, ...] = (
    Kind(
        name="arch",
        group="valle.arch",
        interface="valle_core.interfaces:Backbone",
        api=1,
        suite="valle_core.testing.arch",
        placed=True,
    ),
    Kind(
        name="attention",
        group="valle.attention",
        interface="valle_core.interfaces:AttentionKernel",
        api=1,
        suite="valle_core.testing.attention",
        placed=True,
    ),
    Kind(
        name="codec",
        group="valle.codec",
        interface="valle_core.interfaces:Codec",
        api=1,
        suite="valle_core.testing.codec",
    ),
    Kind(
        name="sampler",
        group="valle.sampler",
        interface="valle_core.interfaces:Sampler",
        api=1,
        suite="valle_core.testing.sampler",
    ),
    Kind(
        name="task",
        group="valle.task",
        interface="valle_core.interfaces:Task",
        api=1,
        suite="valle_core.testing.task",
    ),
    Kind(
        name="frontend",
        group="valle.frontend",
        interface="valle_core.interfaces:Frontend",
        api=1,
        suite="valle_core.testing.frontend",
    ),
)

COMMAND = Kind(name="command", group="valle.commands", interface="typer:Typer", api=1, suite="", spec=CommandSpec)
HOOK = Kind(name="hook", group="valle.hooks", interface="", api=1, suite="", spec=HookSpec)
"""Commands and hooks are not picked by name for a slot, yet are found and guarded the same way."""

ROWS: tuple[Kind, ...] = (*KINDS, COMMAND, HOOK)


def kind_named(name: str, rows: tuple[Kind, ...] = ROWS) -> Kind:
    """The row called `name`. Raises `UserError` naming the kinds there are."""
    for row in rows:
        if row.name == name:
            return row
    raise UserError(f"there is no kind '{name}'. Kinds: {', '.join(row.name for row in rows)}")
