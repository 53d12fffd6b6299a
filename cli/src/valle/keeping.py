"""From a recording to a voice that is kept: encoded once, with its words where they still fit what was encoded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from valle.voices import SavedVoice, check_name, read_voice
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.types import Phonemes

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from valle.speaker import Speaker
    from valle_language.recognition import PlacedPhonemes

LEAST_MATCH = 0.5
"""Share of the phonemes of a text that its recording must have."""

_CUT = 0.1  # seconds that a codec's frames may miss of a recording without it being called cut


class PlacesWords(Protocol):
    """Says when the phonemes of a text are said, as `valle_data.preparation.aligning.Aligner` does."""

    def place(self, wav: Float[np.ndarray, "N"], rate: int, phonemes: Phonemes) -> PlacedPhonemes: ...


def encoded_voice(
    speaker: Speaker,
    name: str,
    recording: Path,
    *,
    text: str = "",
    language: str = "",
    sounds: str = "",
    aligner: PlacesWords | None = None,
) -> tuple[SavedVoice, list[str]]:
    """A voice of a recording, encoded for the model of `speaker`, and what should be known of it.

    A recording longer than the model reads is cut at a pause; then its text is cut with it where `aligner` times the
    words, and left out otherwise. An exported voice (`.safetensors`) is taken as it is.

    Raises:
        UserError: a name, recording, text or language that cannot be used.
    """
    check_name(name)
    if recording.suffix == ".safetensors":
        if text or language or sounds or aligner is not None:
            raise UserError(f"'{recording}' is an exported voice, which has a text and description; leave them out")
        voice = read_voice(recording, name)
        voice.require(speaker.codec.identity)
        return voice, []
    spoken, tag = text.strip(), language or (speaker.languages[0] if text.strip() else "")
    if tag and tag not in speaker.languages:
        raise UserError(f"language '{tag}' is unknown here. Choose from {', '.join(speaker.languages)}")
    if aligner is not None and not spoken:
        raise UserError("words can be timed only where they are known; give what the recording says: --prompt-text")
    codes, remark = speaker.encode(recording)
    remarks = [remark] if remark else []
    seconds = len(codes) / speaker.codec.frame_rate
    symbols: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    if spoken:
        wav, whole = _whole(speaker, recording)
        phonemes = speaker.synthesizer.components.frontend.phonemize(spoken, tag)
        if aligner is not None:
            symbols, times = _placed(aligner, wav, speaker.codec, phonemes, recording)
        if whole > seconds + _CUT:
            spoken, symbols, times = _until(seconds, spoken, phonemes, symbols, times)
            if not spoken:
                remarks.append("its text no longer fits and is left out; give a shorter recording, or --align hama")
    voice = SavedVoice(
        name=name,
        codes=codes,
        codec=speaker.codec.identity,
        seconds=seconds,
        sounds=sounds.strip(),
        text=spoken,
        language=tag if spoken else "",
        symbols=symbols,
        times=times,
    )
    return voice, remarks


def _whole(speaker: Speaker, recording: Path) -> tuple[Float[np.ndarray, "N"], float]:
    """The recording as the codec reads it, and its seconds."""
    prompts, rate = speaker.synthesizer.components.prompts, speaker.codec.sample_rate
    wav = prompts.load(recording, rate, min_seconds=0.0, max_seconds=prompts.max_seconds)
    return wav, len(wav) / rate


def _placed(
    aligner: PlacesWords, wav: Float[np.ndarray, "N"], codec: Codec, phonemes: Phonemes, recording: Path
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    found = aligner.place(wav, codec.sample_rate, phonemes)
    if found.found < LEAST_MATCH:
        raise UserError(
            f"'{recording}' says something else than its text: {found.found:.2f} of the phonemes were found, at least "
            f"{LEAST_MATCH:g} must be. Give the words of the recording"
        )
    return phonemes.symbols, tuple(round(float(time), 3) for time in found.times)


def _until(
    seconds: float, text: str, phonemes: Phonemes, symbols: tuple[str, ...], times: tuple[float, ...]
) -> tuple[str, tuple[str, ...], tuple[float, ...]]:
    """The words that end within the first seconds; nothing where they are not timed, or not those of the text."""
    words = text.split()
    if not times or len(words) != len(phonemes.words):
        return "", (), ()
    ends = [end for _, end in phonemes.words if times[end] <= seconds]
    if not ends:
        return "", (), ()
    return " ".join(words[: len(ends)]), symbols[: ends[-1]], times[: ends[-1] + 1]
