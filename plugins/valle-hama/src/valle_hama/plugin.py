"""What this distribution offers: the recognizer `hama`."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, Requirement

SPEC = PluginSpec(
    kind="recognizer",
    name="hama",
    api=1,
    summary="English phonemes (IPA) with times by CTC, no language model, no download; forced alignment",
    factory="valle_hama.recognizer:build",
    options="valle_hama.options:HamaOptions",
    devices=("cpu",),
    dtypes=(),
    capabilities=frozenset({"words", "align", "phonemes"}),
    requires=(Requirement(module="hama", hint="pip install hama==1.7.0"),),
    weights="in the package hama",
    licence="Apache-2.0 (hama with its weights too)",
    advisories=("It writes phonemes, each as a word of its own; for words choose another recognizer.",),
)
