"""What this distribution offers: the tasks `tts` and `tts-c` (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

TTS = PluginSpec(
    kind="task",
    name="tts",
    api=1,
    summary="Phonemes + other utterances of the speaker → speech",
    factory="valle_tasks.tts:TextToSpeech",
    options="valle_tasks.options:TextToSpeechOptions",
    capabilities=frozenset({"codes", "times"}),
    paper="arXiv 2301.02111",
)

TTS_C = PluginSpec(
    kind="task",
    name="tts-c",
    api=1,
    summary="Phonemes + the utterance's own start → the rest (continuation)",
    factory="valle_tasks.continuation:Continuation",
    options="valle_tasks.options:ContinuationOptions",
    capabilities=frozenset({"codes"}),
    paper="arXiv 2301.02111",
)
