"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="metric",
    name="acme-name",
    api=1,
    summary="Decibels from the quietest to the loudest tenth of a second; noise fills the pauses",
    factory="acme_package.metric:build",
    options="acme_package.options:AcmeNameOptions",
    capabilities=frozenset(),  # what it needs of a clip beside the sound: "text", "transcript", "reference" …
    advisories=("It is an example to grow from.",),
)
