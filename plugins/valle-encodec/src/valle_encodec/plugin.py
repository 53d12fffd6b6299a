"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, ReferenceSpec, Requirement

SPEC = PluginSpec(
    kind="codec",
    name="encodec",
    api=1,
    summary="EnCodec 24 kHz: 75 Hz x 2, 4, 8, 16 or 32 levels x 1024; weights from a file or the Hub",
    factory="valle_encodec.codec:build",
    options="valle_encodec.options:EncodecOptions",
    dtypes=("float32",),
    capabilities=frozenset({"streaming", "codebooks"}),
    requires=(Requirement(module="transformers", hint="pip install transformers"),),
    paper="arXiv 2210.13438",
    memory="constant beyond chunks of 20 s",
    weights="facebook/encodec_24khz from a folder, the original file or the Hub",
    licence="Apache-2.0 (this code, transformers); EnCodec's code: MIT; EnCodec's weights: CC-BY-NC 4.0",
    advisories=("The published EnCodec weights are CC-BY-NC 4.0: not for commercial use.",),
)

ORIGINAL = ReferenceSpec(
    name="encodec-original",
    api=1,
    summary="The original package as a reference for codec 'encodec'",
    bench="codec",
    part="encodec",
    title="encodec EncodecModel",
    loads="valle_encodec.reference:original",
)

TRANSFORMERS = ReferenceSpec(
    name="transformers-encodec",
    api=1,
    summary="transformers' EncodecModel as a reference for codec 'encodec'",
    bench="codec",
    part="encodec",
    title="transformers EncodecModel",
    loads="valle_encodec.reference:hugging_face",
)
