"""What this distribution offers: the commands `valle serve` and `valle bench serve`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

SERVE = CommandSpec(
    name="serve",
    api=2,
    summary="Serve speech over HTTP, as OpenAI's clients ask for it, with a page to try it",
    run="valle_serve.command:serve",
    schema="valle_serve.command:SCHEMA",
    examples=(
        "valle serve",
        "valle serve --host 0.0.0.0 --api-key-file keys.txt --voices voices/",
        "valle serve --model runs/first --port 8080 --speaking 8",
    ),
)
BENCH = CommandSpec(
    name="bench serve",
    api=2,
    summary="Measure a server of speech: requests per second, first audio, streams without a stall",
    run="valle_serve.bench.command:bench",
    schema="valle_serve.bench.command:SCHEMA",
    progress=True,
    examples=(
        "valle bench serve",
        "valle bench serve --clients 1 --clients 8 --requests 16 --out serve.json",
        "valle bench serve --clients 4 --minutes 30",
        "valle bench serve --url http://127.0.0.1:8880 --api-key-file keys.txt",
    ),
    group="Benchmark against reference implementations",
)
