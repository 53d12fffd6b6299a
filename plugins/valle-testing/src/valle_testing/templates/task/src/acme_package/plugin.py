"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="task",
    name="acme-name",
    api=1,
    summary="An utterance cut at a random place: its start is the prompt, the rest the answer",
    factory="acme_package.task:AcmeNameTask",
    options="acme_package.options:AcmeNameOptions",
    capabilities=frozenset({"codes"}),
)
