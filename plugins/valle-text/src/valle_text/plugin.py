"""What this distribution offers: the frontend `text` and the command `valle train-tokenizer`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, PluginSpec

TEXT = PluginSpec(
    kind="frontend",
    name="text",
    api=1,
    summary="Raw text: characters, bytes, or the tokens of a tokenizer trained on the transcripts",
    factory="valle_text.frontend:build",
    options="valle_text.options:TextOptions",
    devices=("cpu",),
    dtypes=(),
)

TRAIN_TOKENIZER = CommandSpec(
    name="train-tokenizer",
    api=2,
    summary="Train a tokenizer on transcripts, for the frontend text",
    run="valle_text.commands:train_tokenizer",
    schema="valle_text.commands:SCHEMA",
    examples=("valle train-tokenizer data --out tokenizer.json --size 500",),
)
