"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="rewrite",
    name="acme-name",
    api=1,
    summary="Two thin linear layers for each: the best product of a given rank",
    factory="acme_package.rewrite:AcmeNameRewrite",
    options="acme_package.options:AcmeNameOptions",
    capabilities=frozenset({"trainable"}),
)
