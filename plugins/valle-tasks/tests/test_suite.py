"""Every task of this distribution against the suite of the core."""

from __future__ import annotations

from valle_tasks import plugin
from valle_tasks.continuation import Continuation
from valle_tasks.options import ContinuationOptions, TextToSpeechOptions
from valle_tasks.tts import TextToSpeech

from valle_core.registry.loading import load
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


def built(spec):
    """What the registry would build, with the options as they are by default."""

    def build():
        factory, options = (load(name) for name in (spec.factory, spec.options))
        return factory(options())

    return build


test_ns_conforms = suite.conformance("task", built(plugin.NS), spec=plugin.NS)
test_sr_conforms = suite.conformance("task", built(plugin.SR), spec=plugin.SR)
test_tse_conforms = suite.conformance("task", built(plugin.TSE), spec=plugin.TSE)
test_vc_conforms = suite.conformance("task", built(plugin.VC), spec=plugin.VC)
test_cse_conforms = suite.conformance("task", built(plugin.CSE), spec=plugin.CSE)
test_nse_conforms = suite.conformance("task", built(plugin.NSE), spec=plugin.NSE)
test_len_conforms = suite.conformance("task", built(plugin.LEN), spec=plugin.LEN)
test_stt_conforms = suite.conformance("task", built(plugin.STT), spec=plugin.STT)
test_phn_conforms = suite.conformance("task", built(plugin.PHN), spec=plugin.PHN)
test_un_phn_conforms = suite.conformance("task", built(plugin.UN_PHN), spec=plugin.UN_PHN)
