"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import HookSpec, PluginSpec

CAPABILITIES = frozenset({"causal", "full", "mixed", "packed", "prefix", "cache", "select", "checkpointing", "compile"})

MAMBA = PluginSpec(
    kind="arch",
    name="mamba",
    api=1,
    summary="Mamba (selective state space) as in Hugging Face: exact chunked scan in torch, state of constant size",
    factory="valle_mamba.factory:build_mamba",
    options="valle_mamba.options:MambaOptions",
    capabilities=CAPABILITIES,
)

MAMBA2 = PluginSpec(
    kind="arch",
    name="mamba2",
    api=1,
    summary="Mamba-2 (state-space duality) as in Hugging Face: exact block form in torch, state of constant size",
    factory="valle_mamba.factory:build_mamba2",
    options="valle_mamba.options:Mamba2Options",
    capabilities=CAPABILITIES,
)

HOOKS = HookSpec(
    name="mamba-bench",
    api=1,
    summary="transformers' MambaModel and Mamba2Model beside ours, for `valle bench arch`",
    plugin="valle_mamba.hooks:HOOKS",
    observes=("bench_cases",),
)
