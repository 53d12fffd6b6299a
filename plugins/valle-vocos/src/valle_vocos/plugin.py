"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, ReferenceSpec, Requirement

SPEC = PluginSpec(
    kind="codec",
    name="vocos",
    api=1,
    summary="EnCodec's 24 kHz codes (2, 4, 8 or 16 levels) decoded by Vocos; weights from files or the Hub",
    factory="valle_vocos.codec:build",
    options="valle_vocos.options:VocosOptions",
    dtypes=("float32",),
    capabilities=frozenset({"streaming", "codebooks"}),
    requires=(Requirement(module="transformers", hint="pip install transformers"),),
    paper="arXiv 2306.00814",
    memory="encoding constant beyond chunks of 20 s",
    weights="charactr/vocos-encodec-24khz and EnCodec's, from files or the Hub",
    licence="Apache-2.0 (this code, transformers); Vocos's code and weights: MIT; EnCodec's weights: CC-BY-NC 4.0",
    advisories=("Codes are made with the published EnCodec weights, which are CC-BY-NC 4.0: not for commercial use.",),
)

ORIGINAL = ReferenceSpec(
    name="vocos-original",
    api=1,
    summary="The original package as a reference for codec 'vocos'",
    bench="codec",
    part="vocos",
    title="vocos Vocos",
    loads="valle_vocos.reference:original",
)
