"""What the distribution offers, said without importing torch or numba."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="attention",
    name="cpu",
    api=1,
    summary="Flash attention for CPUs, compiled for the machine: mixed, packed and windowed rows as they are.",
    factory="valle_attention_cpu.kernel:build",
    options="valle_attention_cpu.options:CpuOptions",
    devices=("cpu",),
    paper="after arXiv 2205.14135",
    memory="linear in the row",
    dtypes=("float32", "bfloat16", "float16"),
    capabilities=frozenset({"causal", "full", "mixed", "prefix", "packed", "window"}),
    advisories=("The first use on a machine compiles for about half a minute; it computes in float32 in every dtype.",),
)
