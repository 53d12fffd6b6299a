"""`valle plugins check NAME`: runs the conformance suite of its kind on an installed plugin."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError
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


SCHEMA = Schema(sections=(Section("check", Options, flat=True, help="Options", positional=("name",)),))


def check(context: CommandContext) -> CommandResult:
    """Run the conformance suite of its kind on a plugin: what each check found, and the contract it enforces.

    Exit code 0: it conforms. 1: a check failed, passed although the spec expects it to fail, or too few ran.
    """
    own: Options = context.options("check")
    kind = find_entry(context.registry, own.name, own.kind).kind
    if not kind.suite:
        kinds = ", ".join(row.name for row in context.registry.rows if row.suite)
        raise UserError(f"'{own.name}' is a {kind.name}, for which there is no suite. Kinds: {kinds}")
    from valle_testing.installed import check_plugin

    report = check_plugin(context.registry, kind.name, own.name)
    facts = dataclasses.asdict(report) | {"ok": report.ok, "summary": report.summary}
    return CommandResult(text=report.table(), facts=facts, code=0 if report.ok else 1)
