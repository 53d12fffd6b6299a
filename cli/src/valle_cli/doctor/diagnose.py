"""The whole examination, in an order in which nothing that is broken hides the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from valle_cli.doctor.choices import automatic_device, default_findings, machine_findings
from valle_cli.doctor.finding import Finding, worst_first
from valle_cli.doctor.hooks import hook_findings
from valle_cli.doctor.metadata import metadata_findings
from valle_cli.doctor.probe import probe
from valle_cli.doctor.specs import import_findings, opened_commands, option_findings, status_findings, word_findings
from valle_cli.installed import installed
from valle_core.registry.directory import known_plugins
from valle_core.registry.disabling import Disabling
from valle_core.registry.registry import Registry
from valle_core.registry.scan import scan


def diagnose(environ: Mapping[str, str], *, safe: bool = False) -> list[Finding]:
    """Everything there is to say about this installation, worst first.

    Imports the specs of what is not switched off, first in a process apart; then the hooks, as a run would; and torch.
    """
    return worst_first(list(_findings(environ, safe=safe)))


def _findings(environ: Mapping[str, str], *, safe: bool) -> Iterator[Finding]:
    found = scan()
    disabling = Disabling.read(environ, safe=safe, first_party=known_plugins(found))
    before = Registry(found, disabling)
    for warning in (*before.warnings, *before.complaints):
        variable, _, text = warning.partition(" ")
        yield Finding(severity="warning", subject=variable, text=text, hint="see: valle list-plugins")
    yield from metadata_findings(list(installed()))
    probed = probe([one for one in before.announced if disabling.reason(one) is None])
    yield from import_findings(probed)
    deadly = tuple(f"{one.found.distribution}:{one.found.name}" for one in probed if one.deadly)
    registry = Registry(found, replace(disabling, off=disabling.off + deadly))
    entries = [entry for entry in registry.entries() if f"{entry.distribution}:{entry.name}" not in deadly]
    yield from status_findings(entries)
    yield from word_findings(entries, registry.rows)
    yield from option_findings(entries)
    commands, broken = opened_commands(entries)
    yield from broken
    yield from hook_findings(registry)
    yield from machine_findings()
    schemas = {command.spec.name: command.schema for command in commands if command.schema.slots}
    yield from default_findings(registry, schemas, automatic_device()[0] or "cpu")
