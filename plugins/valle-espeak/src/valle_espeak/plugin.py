"""What this distribution offers: the frontend `espeak`."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

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
