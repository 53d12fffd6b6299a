"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="sampler",
    name="acme-name",
    api=1,
    summary="Drops tokens less likely than the entropy allows (eta sampling, 2210.15191)",
    factory="acme_package.sampler:build",
    options="acme_package.sampler:AcmeNameSampler",
    capabilities=frozenset({"processor"}),
)
