"""What this distribution offers: the frontend `espeak` and the command `valle corpus`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, PluginSpec

ESPEAK = PluginSpec(
    kind="frontend",
    name="espeak",
    api=1,
    summary="IPA phonemes for 100+ languages from espeak-ng (library shipped by pip)",
    factory="valle_espeak.frontend:build",
    options="valle_espeak.options:EspeakOptions",
    devices=("cpu",),
    dtypes=(),
    licence="Apache-2.0; runs on espeak-ng and phonemizer, which are GPL-3.0",
)

CORPUS = CommandSpec(
    name="corpus",
    api=1,
    summary="Speak a synthetic multi-speaker corpus with exact phoneme times",
    app="valle_espeak.commands:app",
)
