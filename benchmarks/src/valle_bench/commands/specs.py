"""The commands of valle-bench (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

DECODE = CommandSpec(
    name="bench decode",
    api=2,
    summary="Benchmark decoding against transformers' generate() (checks that tokens are equal)",
    run="valle_bench.commands.decode:decode",
    schema="valle_bench.commands.decode:SCHEMA",
    examples=("valle bench decode --quick", "valle bench decode --out benchmarks/results"),
)
ATTENTION = CommandSpec(
    name="bench attention",
    api=2,
    summary="Benchmark every installed attention kernel against float64, eager and each other",
    run="valle_bench.commands.attention:attention",
    schema="valle_bench.commands.attention:SCHEMA",
    examples=(
        "valle bench attention --quick",
        "valle bench attention --preset fa --kernel sdpa --lengths 512,1024 --dtype bf16",
        "valle bench attention --preset valle --out benchmarks/results",
    ),
    progress=True,
)
COMMANDS = (DECODE, ATTENTION)
