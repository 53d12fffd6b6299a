"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, ReferenceSpec, Requirement

CAPABILITIES = frozenset({"causal", "full", "mixed", "packed", "prefix", "cache", "select", "checkpointing", "compile"})

SPEC = PluginSpec(
    kind="arch",
    name="retnet",
    api=1,
    summary="RetNet: parallel, chunkwise and recurrent retention, constant memory in decoding; torchscale's weights",
    factory="valle_retnet.factory:build",
    options="valle_retnet.options:RetNetOptions",
    capabilities=CAPABILITIES,
    paper="arXiv 2307.08621",
    memory="decoding state of constant size",
    weights="torchscale's, or a folder of retnet-hf",
)

HF_SPEC = PluginSpec(
    kind="arch",
    name="retnet-hf",
    api=1,
    summary="RetNet as a transformers PreTrainedModel: save_pretrained, from_pretrained, generate",
    factory="valle_retnet.factory:build_hf",
    options="valle_retnet.options:RetNetOptions",
    capabilities=CAPABILITIES,
    paper="arXiv 2307.08621",
    memory="decoding state of constant size",
    weights="torchscale's, or a folder of retnet-hf",
    requires=(Requirement(module="transformers", hint="pip install transformers"),),
)

TORCHSCALE = ReferenceSpec(
    name="torchscale-retnet",
    api=1,
    summary="torchscale's RetNet as a reference for arch 'retnet'",
    bench="arch",
    part="retnet",
    title="torchscale RetNet",
    loads="valle_retnet.reference:TorchscaleReference",
)
