"""What the backbone says about itself (imports no torch)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="arch",
    name="transformer",
    api=1,
    summary="Pre-norm transformer with sinusoidal positions and optional adaptive layer norm by level.",
    factory="valle_transformer.factory:build",
    options="valle_transformer.options:TransformerOptions",
    devices=("cpu", "cuda", "mps"),
    paper="arXiv 1706.03762",
    memory="cache grows with the row",
    capabilities=frozenset({"packed", "prefix", "window", "tree", "rewind", "positions", "checkpointing", "compile"}),
    needs={"attention": frozenset({"causal", "full"})},
)
