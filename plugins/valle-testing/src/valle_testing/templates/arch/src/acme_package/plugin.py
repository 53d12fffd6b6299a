"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="arch",
    name="acme-name",
    api=1,
    summary="Gated linear recurrence: linear time, a cache of one vector per layer",
    factory="acme_package.backbone:build",
    options="acme_package.options:AcmeNameOptions",
    capabilities=frozenset({"causal", "full", "mixed", "packed"}),
)
