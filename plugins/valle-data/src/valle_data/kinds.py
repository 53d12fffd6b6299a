"""The kinds that valle-data announces (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import Kind

RECOGNIZER = Kind(
    name="recognizer",
    group="valle.recognizer",
    interface="valle_language.recognition:Recognizer",
    api=1,
    suite="valle_testing.suites.recognizer.checks",
    floor=13,
    template="valle_testing:templates/recognizer",
    on_device=True,
    words=frozenset({"words", "detect", "align", "phonemes"}),
    usual="pocketsphinx",
)
