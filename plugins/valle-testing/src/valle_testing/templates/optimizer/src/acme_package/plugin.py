"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="optimizer",
    name="acme-name",
    api=1,
    summary="Long steps where gradients keep to their mean (AdaBelief, 2010.07468)",
    factory="acme_package.optimizer:build",
    options="acme_package.options:AcmeNameOptions",
)
