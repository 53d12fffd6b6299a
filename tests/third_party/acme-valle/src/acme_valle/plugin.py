"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, Kind, PluginSpec, ReferenceSpec

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

VOICING = Kind(
    name="acme-voicing",
    group="valle.acme-voicing",
    interface="acme_valle.voicing:Voicing",
    api=1,
    suite="acme_valle.voicing_suite",
    floor=3,
)
"""A kind that the core does not know."""

ENERGY = PluginSpec(
    kind="acme-voicing",
    name="acme-energy",
    api=1,
    summary="Loud frames are voiced",
    factory="acme_valle.voicing:build",
    options="acme_valle.voicing:EnergyOptions",
)

TWIN = ReferenceSpec(
    name="acme-twin",
    api=1,
    summary="Arch 'acme-retention' one position at a time",
    bench="arch",
    part="acme-retention",
    title="acme twin",
    loads="acme_valle.twin:Twin",
)

ROUNDTRIP = CommandSpec(
    name="acme roundtrip",
    api=2,
    summary="Encode recordings with a codec and decode them again",
    run="acme_valle.roundtrip:roundtrip",
    schema="acme_valle.roundtrip:SCHEMA",
    progress=True,
    examples=("valle acme roundtrip take.wav --codec tiny --out copies",),
    group="Listen to what a codec keeps",
)
