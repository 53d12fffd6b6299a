"""What this distribution offers: one spec per task (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

_VALL_E = "arXiv 2301.02111"
_SPEECH_X = "arXiv 2308.06873"


def _task(name: str, summary: str, where: str, options: str, capabilities: str, *, paper: str = "") -> PluginSpec:
    return PluginSpec(
        kind="task",
        name=name,
        api=1,
        summary=summary,
        factory=f"valle_tasks.{where}",
        options=f"valle_tasks.options:{options}",
        capabilities=frozenset(capabilities.split()),
        paper=paper,
    )


TTS = _task(
    "tts", "Phonemes + other utterances of the speaker → speech",
    "tts:TextToSpeech", "TextToSpeechOptions", "codes times", paper=_VALL_E,
)  # fmt: skip
TTS_C = _task(
    "tts-c", "Phonemes + the utterance's own start → the rest (continuation)",
    "continuation:Continuation", "ContinuationOptions", "codes", paper=_VALL_E,
)  # fmt: skip
NS = _task(
    "ns", "Noisy speech, perhaps its text → the clean speech (noise suppression)",
    "noise_suppression:NoiseSuppression", "NoiseSuppressionOptions", "codes token source text", paper=_SPEECH_X,
)  # fmt: skip
SR = _task(
    "sr", "Noisy speech → the noise (speech removal)",
    "speech_removal:SpeechRemoval", "SpeechRemovalOptions", "codes token source", paper=_SPEECH_X,
)  # fmt: skip
TSE = _task(
    "tse", "A speaker's voice + a mixture of two → that speaker (target speaker extraction)",
    "target_speaker:TargetSpeaker", "TargetSpeakerOptions", "codes token source prompt", paper=_SPEECH_X,
)  # fmt: skip
VC = _task(
    "vc", "Speech + another voice → the same words in that voice (voice conversion)",
    "conversion:VoiceConversion", "VoiceConversionOptions", "codes token source prompt",
)  # fmt: skip
CSE = _task(
    "cse", "Speech without a part + the text of all → the part (speech editing)",
    "editing:SpeechEdit", "SpeechEditOptions", "codes token source edit", paper=_SPEECH_X,
)  # fmt: skip
NSE = _task(
    "nse", "Noisy speech without a part + the text of all → the part, noise kept",
    "editing:NoisyEdit", "NoisyEditOptions", "codes token source edit", paper=_SPEECH_X,
)  # fmt: skip
LEN = _task(
    "len", "Phonemes + a voice → the number of frames the text lasts",
    "length:Length", "LengthOptions", "length token",
)  # fmt: skip
STT = _task(
    "stt", "Speech → phonemes (recognition)",
    "recognition:Recognition", "RecognitionOptions", "symbols token source",
)  # fmt: skip
PHN = _task(
    "phn", "Written text → phonemes",
    "spelling:ToPhonemes", "PhonemesOptions", "symbols token written",
)  # fmt: skip
UN_PHN = _task(
    "un-phn", "Phonemes → written text",
    "spelling:FromPhonemes", "SpellingOptions", "letters token",
)  # fmt: skip
