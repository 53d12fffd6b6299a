"""What `auto` says about itself (imports no torch)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="attention",
    name="auto",
    api=1,
    summary="The installed kernel that suits device, dtype and mask; with --attention.measure the fastest of them.",
    factory="valle_kit.auto_attention.kernel:build",
    options="valle_kit.auto_attention.options:AutoOptions",
    devices=("cpu", "cuda"),
    dtypes=("float32", "bfloat16", "float16"),
    memory="that of the kernel it picks",
    capabilities=frozenset({"causal", "full", "mixed", "prefix", "packed", "window", "tree"}),
)
