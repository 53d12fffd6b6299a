"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="loss",
    name="acme-name",
    api=1,
    summary="What the model already knows counts for less (focal loss, 1708.02002)",
    factory="acme_package.loss:build",
    options="acme_package.options:AcmeNameOptions",
)
