"""What this distribution offers: the frontend `hibari`."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

HIBARI = PluginSpec(
    kind="frontend",
    name="hibari",
    api=1,
    summary="English phonemes in misaki's alphabet from hibari-tts, without a GPL part",
    factory="valle_hibari.frontend:build",
    options="valle_hibari.options:HibariOptions",
    devices=("cpu",),
    dtypes=(),
    weights="in the package hibari-tts",
    licence="Apache-2.0 (hibari-tts with its lexicons and nets too)",
)
