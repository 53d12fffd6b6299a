"""Every task of this distribution against the suite of the core."""

from __future__ import annotations

from valle_tasks import plugin
from valle_tasks.continuation import Continuation
from valle_tasks.options import ContinuationOptions, TextToSpeechOptions
from valle_tasks.tts import TextToSpeech

from valle_testing import suite

test_tts_conforms = suite.conformance("task", lambda: TextToSpeech(TextToSpeechOptions()), spec=plugin.TTS)
test_tts_of_short_prompts_conforms = suite.conformance(
    "task",
    lambda: TextToSpeech(TextToSpeechOptions(min_seconds=0.1, max_seconds=0.5, max_utterances=1)),
    spec=plugin.TTS,
)
test_tts_of_similar_prompts_conforms = suite.conformance(
    "task", lambda: TextToSpeech(TextToSpeechOptions(prompt="similar")), spec=plugin.TTS
)
test_tts_of_continuous_prompts_conforms = suite.conformance(
    "task", lambda: TextToSpeech(TextToSpeechOptions(prompt="continuous")), spec=plugin.TTS
)
test_tts_c_conforms = suite.conformance("task", lambda: Continuation(ContinuationOptions()), spec=plugin.TTS_C)
