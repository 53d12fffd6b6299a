"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

RETENTION = PluginSpec(
    kind="arch",
    name="acme-retention",
    api=1,
    summary="Multi-head retention; full rows decay to both sides; constant memory while decoding",
    factory="acme_valle.backbone:build",
    options="acme_valle.options:RetentionOptions",
    capabilities=frozenset({"causal", "full", "mixed", "packed"}),
)

ETA = PluginSpec(
    kind="sampler",
    name="acme-eta",
    api=1,
    summary="Draws among tokens above a threshold that falls with the entropy",
    factory="acme_valle.eta:build",
    options="acme_valle.eta:Eta",
    capabilities=frozenset({"chooser"}),
)
