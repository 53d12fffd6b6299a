"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="frontend",
    name="acme-name",
    api=1,
    summary="Letters as symbols, for any script that has letters",
    factory="acme_package.frontend:AcmeNameFrontend",
    options="acme_package.options:AcmeNameOptions",
)
