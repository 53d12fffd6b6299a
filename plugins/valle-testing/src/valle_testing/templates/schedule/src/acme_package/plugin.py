"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="schedule",
    name="acme-name",
    api=1,
    summary="A cosine that starts again from the peak several times (1608.03983)",
    factory="acme_package.schedule:build",
    options="acme_package.schedule:AcmeNameSchedule",
)
