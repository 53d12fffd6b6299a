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
COMMANDS = (DECODE,)
