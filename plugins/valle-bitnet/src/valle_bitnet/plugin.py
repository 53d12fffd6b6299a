"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, PluginSpec, ReferenceSpec, Requirement

SPEC = PluginSpec(
    kind="arch",
    name="bitnet",
    api=1,
    summary="BitNet b1.58: LLaMA-like, ternary weights and 8-bit activations in every linear layer",
    factory="valle_bitnet.factory:build",
    options="valle_bitnet.options:BitNetOptions",
    capabilities=frozenset(
        {
            "causal",
            "full",
            "mixed",
            "packed",
            "cache",
            "select",
            "prefix",
            "window",
            "tree",
            "rewind",
            "positions",
            "checkpointing",
            "compile",
            "rounds",
        }
    ),
    needs={"attention": frozenset({"causal", "full"})},
    paper="arXiv 2402.17764",
    memory="cache grows with the row; weights packed to 2 bits",
    weights="a folder of transformers' BitNetModel",
    advisories=("Training keeps weights in full precision; `valle pack-bitnet` makes the small ones.",),
)

BITLINEAR = PluginSpec(
    kind="rewrite",
    name="bitlinear",
    api=1,
    summary="Linear layers of any backbone with ternary weights and 8-bit activations (BitNet b1.58), to be trained",
    factory="valle_bitnet.rewrites:build_bitlinear",
    options="valle_bitnet.rewrite_options:BitLinearOptions",
    capabilities=frozenset({"trainable"}),
    paper="arXiv 2402.17764",
)

PACKED = PluginSpec(
    kind="rewrite",
    name="bitlinear-packed",
    api=1,
    summary="The same linear layers with two bits per weight, for inference; put in place by `valle pack-bitnet`",
    factory="valle_bitnet.rewrites:build_packed",
    options="valle_bitnet.rewrite_options:BitLinearOptions",
    paper="arXiv 2402.17764",
    memory="2 bits a weight",
)

PACK = CommandSpec(
    name="pack-bitnet",
    api=2,
    summary="Copy a checkpoint with its ternary weights packed into two bits each",
    run="valle_bitnet.commands:pack_bitnet",
    schema="valle_bitnet.commands:SCHEMA",
    examples=("valle pack-bitnet runs/bitnet --out packed",),
)

_HF = (Requirement(module="transformers", hint="pip install transformers"),)

BITNET_REFERENCE = ReferenceSpec(
    name="transformers-bitnet",
    api=1,
    summary="transformers' BitNetModel as a reference for arch 'bitnet'",
    bench="arch",
    part="bitnet",
    title="transformers BitNetModel",
    loads="valle_bitnet.reference:BitNetReference",
    requires=_HF,
)

PACKED_REFERENCE = ReferenceSpec(
    name="bitnet-packed",
    api=1,
    summary="Packed ternary weights as a reference for arch 'bitnet'",
    bench="arch",
    part="bitnet",
    title="valle bitnet, packed",
    loads="valle_bitnet.reference:PackedReference",
)
