"""What this distribution offers: the command `valle corpus`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

CORPUS = CommandSpec(
    name="corpus",
    api=2,
    summary="Synthesize a multi-speaker corpus with exact phoneme times",
    run="valle_corpus.commands:corpus",
    schema="valle_corpus.commands:SCHEMA",
    progress=True,
    examples=(
        "valle corpus --out corpus",
        "valle corpus --out corpus --speaker en-us+f2 --script lines.txt",
    ),
)
