"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="attention",
    name="xformers",
    api=1,
    summary="xformers' memory-efficient attention, which picks its back end.",
    factory="valle_attention_xformers.kernel:build",
    options="valle_attention_xformers.options:XformersOptions",
    devices=("cuda",),
    paper="arXiv 2112.05682",
    memory="linear in the row",
    dtypes=("float32", "bfloat16", "float16"),
    capabilities=frozenset({"causal", "full", "mixed", "prefix", "packed", "window"}),
    advisories=("Its own code was never run by those who wrote this plugin: they had no GPU.",),
)
