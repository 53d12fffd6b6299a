"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, ReferenceSpec, Requirement

CAPABILITIES = frozenset({"causal", "full", "mixed", "packed", "prefix", "cache", "select", "checkpointing", "compile"})

MAMBA = PluginSpec(
    kind="arch",
    name="mamba",
    api=1,
    summary="Mamba (selective state space) as in Hugging Face: exact chunked scan in torch, state of constant size",
    factory="valle_mamba.factory:build_mamba",
    options="valle_mamba.options:MambaOptions",
    capabilities=CAPABILITIES,
    paper="arXiv 2312.00752",
    memory="decoding state of constant size",
    weights="a folder of transformers' MambaModel",
)

MAMBA2 = PluginSpec(
    kind="arch",
    name="mamba2",
    api=1,
    summary="Mamba-2 (state-space duality) as in Hugging Face: exact block form in torch, state of constant size",
    factory="valle_mamba.factory:build_mamba2",
    options="valle_mamba.options:Mamba2Options",
    capabilities=CAPABILITIES,
    paper="arXiv 2405.21060",
    memory="decoding state of constant size",
    weights="a folder of transformers' Mamba2Model",
)

_HF = (Requirement(module="transformers", hint="pip install transformers"),)

TRANSFORMERS_MAMBA = ReferenceSpec(
    name="transformers-mamba",
    api=1,
    summary="transformers' MambaModel as a reference for arch 'mamba'",
    bench="arch",
    part="mamba",
    title="transformers MambaModel",
    loads="valle_mamba.reference:load",
    requires=_HF,
)

TRANSFORMERS_MAMBA2 = ReferenceSpec(
    name="transformers-mamba2",
    api=1,
    summary="transformers' Mamba2Model as a reference for arch 'mamba2'",
    bench="arch",
    part="mamba2",
    title="transformers Mamba2Model",
    loads="valle_mamba.reference:load",
    requires=_HF,
)
