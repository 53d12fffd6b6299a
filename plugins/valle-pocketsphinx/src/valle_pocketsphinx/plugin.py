"""What this distribution offers: the recognizer `pocketsphinx`."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

SPEC = PluginSpec(
    kind="recognizer",
    name="pocketsphinx",
    api=1,
    summary="English without a download: a closed list of sentences, or dictation; word times and forced alignment",
    factory="valle_pocketsphinx.recognizer:build",
    options="valle_pocketsphinx.options:PocketSphinxOptions",
    devices=("cpu",),
    dtypes=(),
    capabilities=frozenset({"words", "align"}),
    weights="in the package pocketsphinx",
    licence="Apache-2.0; pocketsphinx and its English models: BSD-2-Clause",
    advisories=("Dictation is poor without --recognizer.sentences FILE, a list of what may be said.",),
)
