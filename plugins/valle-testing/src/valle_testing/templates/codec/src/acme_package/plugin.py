"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="codec",
    name="acme-name",
    api=1,
    summary="Fixed transform with random codebooks: 16 kHz, 100 frames/s, no weights",
    factory="acme_package.codec:build",
    options="acme_package.options:AcmeNameOptions",
    capabilities=frozenset({"streaming", "codebooks"}),
    advisories=("It is an example to grow from; it sounds like a poor telephone.",),
)
