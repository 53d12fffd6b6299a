"""What this distribution offers: one spec per task (standard library only)."""

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

NS = PluginSpec(
    kind="task",
    name="ns",
    api=1,
    summary="Noisy speech, perhaps its text → the clean speech (noise suppression)",
    factory="valle_tasks.noise_suppression:NoiseSuppression",
    options="valle_tasks.options:NoiseSuppressionOptions",
    capabilities=frozenset({"codes", "token", "source", "text"}),
    paper="arXiv 2308.06873",
)

SR = PluginSpec(
    kind="task",
    name="sr",
    api=1,
    summary="Noisy speech → the noise (speech removal)",
    factory="valle_tasks.speech_removal:SpeechRemoval",
    options="valle_tasks.options:SpeechRemovalOptions",
    capabilities=frozenset({"codes", "token", "source"}),
    paper="arXiv 2308.06873",
)

TSE = PluginSpec(
    kind="task",
    name="tse",
    api=1,
    summary="A speaker's voice + a mixture of two → that speaker (target speaker extraction)",
    factory="valle_tasks.target_speaker:TargetSpeaker",
    options="valle_tasks.options:TargetSpeakerOptions",
    capabilities=frozenset({"codes", "token", "source", "prompt"}),
    paper="arXiv 2308.06873",
)

VC = PluginSpec(
    kind="task",
    name="vc",
    api=1,
    summary="Speech + another voice → the same words in that voice (voice conversion)",
    factory="valle_tasks.conversion:VoiceConversion",
    options="valle_tasks.options:VoiceConversionOptions",
    capabilities=frozenset({"codes", "token", "source", "prompt"}),
)

CSE = PluginSpec(
    kind="task",
    name="cse",
    api=1,
    summary="Speech without a part + the text of all → the part (speech editing)",
    factory="valle_tasks.editing:SpeechEdit",
    options="valle_tasks.options:SpeechEditOptions",
    capabilities=frozenset({"codes", "token", "source", "edit"}),
    paper="arXiv 2308.06873",
)

NSE = PluginSpec(
    kind="task",
    name="nse",
    api=1,
    summary="Noisy speech without a part + the text of all → the part, noise kept",
    factory="valle_tasks.editing:NoisyEdit",
    options="valle_tasks.options:NoisyEditOptions",
    capabilities=frozenset({"codes", "token", "source", "edit"}),
    paper="arXiv 2308.06873",
)

LEN = PluginSpec(
    kind="task",
    name="len",
    api=1,
    summary="Phonemes + a voice → the number of frames the text lasts",
    factory="valle_tasks.length:Length",
    options="valle_tasks.options:LengthOptions",
    capabilities=frozenset({"length", "token"}),
)

STT = PluginSpec(
    kind="task",
    name="stt",
    api=1,
    summary="Speech → phonemes (recognition)",
    factory="valle_tasks.recognition:Recognition",
    options="valle_tasks.options:RecognitionOptions",
    capabilities=frozenset({"symbols", "token", "source"}),
)

PHN = PluginSpec(
    kind="task",
    name="phn",
    api=1,
    summary="Written text → phonemes",
    factory="valle_tasks.spelling:ToPhonemes",
    options="valle_tasks.options:PhonemesOptions",
    capabilities=frozenset({"symbols", "token", "written"}),
)

UN_PHN = PluginSpec(
    kind="task",
    name="un-phn",
    api=1,
    summary="Phonemes → written text",
    factory="valle_tasks.spelling:FromPhonemes",
    options="valle_tasks.options:SpellingOptions",
    capabilities=frozenset({"letters", "token"}),
)
