"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="alignment",
    name="acme-name",
    api=1,
    summary="Every symbol lasts equally long: the mean number of frames in training",
    factory="acme_package.alignment:build",
    options="acme_package.options:AcmeNameOptions",
    advisories=("It is an example to grow from; speech has no such even rhythm.",),
)
