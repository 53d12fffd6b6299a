"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import HookSpec, PluginSpec

SPEC = PluginSpec(
    kind="arch",
    name="llama",
    api=1,
    summary="LLaMA as in Hugging Face: RoPE, RMSNorm, SwiGLU, grouped-query attention; loads and saves HF weights",
    factory="valle_llama.factory:build",
    options="valle_llama.options:LlamaOptions",
    capabilities=frozenset({"prefix", "window", "tree", "rewind", "positions", "recall", "checkpointing", "compile"}),
    needs={"attention": frozenset({"causal", "full"})},
)

HOOKS = HookSpec(
    name="llama-bench",
    api=1,
    summary="Arch 'llama' beside transformers' LLaMA, for `valle bench decode` and `valle bench arch`",
    plugin="valle_llama.hooks:HOOKS",
    observes=("bench_cases",),
)
