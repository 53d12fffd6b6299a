"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, ReferenceSpec

SPEC = PluginSpec(
    kind="arch",
    name="mixtral",
    api=1,
    summary="Mixtral as in Hugging Face: experts chosen per token; router loss and experts' load in the metrics",
    factory="valle_mixtral.factory:build",
    options="valle_mixtral.options:MixtralOptions",
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
        }
    ),
    needs={"attention": frozenset({"causal", "full"})},
    paper="arXiv 2401.04088",
    memory="cache grows with the row; holds all experts",
    weights="a folder of transformers' MixtralModel",
    advisories=("A step costs as many experts as each token chooses, the memory is that of all of them.",),
)

TRANSFORMERS = ReferenceSpec(
    name="transformers-mixtral",
    api=1,
    summary="transformers' MixtralModel as a reference for arch 'mixtral'",
    bench="arch",
    part="mixtral",
    title="transformers MixtralModel",
    loads="valle_mixtral.reference:load",
)
