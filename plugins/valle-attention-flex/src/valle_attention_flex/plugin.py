"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec


def _spec(name: str, summary: str) -> PluginSpec:
    return PluginSpec(
        kind="attention",
        name=name,
        api=1,
        summary=summary,
        factory="valle_attention_flex.kernel:build",
        options="valle_attention_flex.options:FlexOptions",
        devices=("cpu", "cuda"),
        paper="arXiv 2412.05496",
        memory="linear in the row, and a mask of its blocks",
        dtypes=("float32", "bfloat16", "float16"),
        capabilities=frozenset({"causal", "full", "mixed", "prefix", "window"}),
        advisories=("On a CPU it has no backward pass: it cannot train there.",),
    )


FLEX = _spec("flex", "PyTorch's FlexAttention, compiled, over block masks built from the mask's structure.")
FLEX_ATTENTION = _spec("flex_attention", "Another name of `flex`, as in Hugging Face's libraries.")
