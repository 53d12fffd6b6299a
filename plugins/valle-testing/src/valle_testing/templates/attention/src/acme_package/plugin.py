"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="attention",
    name="acme-name",
    api=1,
    summary="Softmax attention in float32, a block of queries at a time",
    factory="acme_package.kernel:build",
    options="acme_package.options:AcmeNameOptions",
    capabilities=frozenset({"causal", "full"}),
)
