"""The commands of valle-bench (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

ARCH = CommandSpec(
    name="bench arch",
    api=2,
    summary="Benchmark every backbone against its reference implementation, and at equal size",
    run="valle_bench.commands.arch:arch",
    schema="valle_bench.commands.arch:SCHEMA",
    examples=("valle bench arch --quick --arch llama --arch retnet", "valle bench arch --out benchmarks/results"),
    group="Benchmark against reference implementations",
)
CODEC = CommandSpec(
    name="bench codec",
    api=2,
    summary="Benchmark every codec against its reference implementation (checks that codes are equal)",
    run="valle_bench.commands.codec:codec",
    schema="valle_bench.commands.codec:SCHEMA",
    examples=("valle bench codec --quick --codec tiny", "valle bench codec --out benchmarks/results"),
)
DECODE = CommandSpec(
    name="bench decode",
    api=2,
    summary="Benchmark decoding against transformers' generate() (checks that tokens are equal)",
    run="valle_bench.commands.decode:decode",
    schema="valle_bench.commands.decode:SCHEMA",
    examples=("valle bench decode --quick", "valle bench decode --out benchmarks/results"),
    progress=True,
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
SAMPLER = CommandSpec(
    name="bench sampler",
    api=2,
    summary="Benchmark a step of every sampler against transformers' and a decoding step",
    run="valle_bench.commands.sampler:sampler",
    schema="valle_bench.commands.sampler:SCHEMA",
    examples=("valle bench sampler --quick", "valle bench sampler --out benchmarks/results"),
    progress=True,
)
STARTUP = CommandSpec(
    name="bench startup",
    api=2,
    summary="Benchmark the startup time of `--help` and `list-plugins`",
    run="valle_bench.commands.startup:startup",
    schema="valle_bench.commands.startup:SCHEMA",
    examples=("valle bench startup", "valle bench startup --runs 30 --json"),
)
TRAIN = CommandSpec(
    name="bench train",
    api=2,
    summary="Benchmark training beside transformers' Trainer (checks that losses are equal)",
    run="valle_bench.commands.train:train",
    schema="valle_bench.commands.train:SCHEMA",
    examples=("valle bench train --quick", "valle bench train --out benchmarks/results"),
    progress=True,
)
