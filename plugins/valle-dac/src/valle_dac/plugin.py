"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, ReferenceSpec, Requirement

SPEC = PluginSpec(
    kind="codec",
    name="dac",
    api=1,
    summary="Descript Audio Codec: 44.1 kHz (86.13 Hz x 9 levels), 24 kHz (75 x 32) or 16 kHz (50 x 12), 1024 codes",
    factory="valle_dac.codec:build",
    options="valle_dac.options:DacOptions",
    dtypes=("float32",),
    capabilities=frozenset({"streaming", "codebooks"}),
    requires=(Requirement(module="transformers", hint="pip install transformers"),),
    paper="arXiv 2306.06546",
    memory="constant beyond chunks of 1 s",
    weights="descript/dac_* from a folder, the original file or the Hub",
    licence="Apache-2.0 (this code, transformers); DAC's code and weights: MIT",
    advisories=(
        "Language models on DAC at 24 kHz and 8 kbit/s were reported not to converge; 44.1 kHz is the usual choice.",
        "DAC's higher levels are hard to model; --codec.levels takes fewer.",
    ),
)

ORIGINAL = ReferenceSpec(
    name="descript-audio-codec",
    api=1,
    summary="The original package as a reference for codec 'dac'",
    bench="codec",
    part="dac",
    title="descript-audio-codec DAC",
    loads="valle_dac.reference:original",
)

TRANSFORMERS = ReferenceSpec(
    name="transformers-dac",
    api=1,
    summary="transformers' DacModel as a reference for codec 'dac'",
    bench="codec",
    part="dac",
    title="transformers DacModel",
    loads="valle_dac.reference:hugging_face",
)
