"""What this distribution offers: the command `valle corpus`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

CORPUS = CommandSpec(
    name="corpus",
    api=1,
    summary="Speak a synthetic multi-speaker corpus with exact phoneme times",
    app="valle_corpus.commands:app",
)
