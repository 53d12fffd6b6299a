"""Reading a recording: its transcript, its language and its samples, or why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from valle_core.audio.wav import Missing, TooLong, TooShort, resample
from valle_core.plugin import UserError
from valle_data.audio.activity import FRAMES_PER_SECOND, speech_frames
from valle_data.audio.reading import Clipped, OppositePhase, OutOfBounds, OutOfScale, read_sound
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.plausibility import TooFast, TooSlow, check_rate
from valle_data.preparation.recordings import Recording, Rejection, facts, spoken_language, transcript
from valle_data.preparation.treatment import Silent, Treatment, treat

_REASONS: dict[type[UserError], str] = {
    TooShort: "too-short",
    TooLong: "too-long",
    Silent: "silent",
    Missing: "no-audio",
    OutOfBounds: "bad-times",
    OutOfScale: "out-of-scale",
    OppositePhase: "opposite-phase",
    Clipped: "clipped",
    TooFast: "too-fast",
    TooSlow: "too-slow",
}


_MEASURED = ("seconds", "share", "rate")
"""What an error carries that a filter measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A recording with all that is needed to encode it.

    Attributes:
        recording: where it came from.
        stamp: state of its files before they were read.
        text: transcript.
        language: tag.
        wav: mono samples at the codec's rate, treated.
        tone: label, or None.
        treatment: what was done to the samples, or None for nothing.
    """

    recording: Recording
    stamp: str
    text: str
    language: str
    wav: Float[np.ndarray, "N"]
    tone: str | None = None
    treatment: Treatment | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NotLoaded:
    """A recording that cannot be used."""

    recording: Recording
    stamp: str
    rejection: Rejection


def load_recording(recording: Recording, options: PrepareOptions, sample_rate: int) -> Loaded | NotLoaded:
    """Transcript, language and audio of a recording, checked."""
    stamp = recording.stamp()
    text = transcript(recording)
    if isinstance(text, Rejection):
        return NotLoaded(recording=recording, stamp=stamp, rejection=text)
    beside = facts(recording)
    language = spoken_language(recording, options.language, beside)
    if isinstance(language, Rejection):
        return NotLoaded(recording=recording, stamp=stamp, rejection=language)
    tone = recording.tone or (None if isinstance(beside, Rejection) else beside.get("tone")) or None
    try:
        wav, treatment = _audio(recording, text, options, sample_rate)
    except UserError as error:
        reason = _REASONS.get(type(error), "bad-audio")
        measured = next((getattr(error, name) for name in _MEASURED if hasattr(error, name)), None)
        rejection = Rejection(id=recording.id, reason=reason, detail=str(error), measured=measured)
        return NotLoaded(recording=recording, stamp=stamp, rejection=rejection)
    return Loaded(
        recording=recording,
        stamp=stamp,
        text=text,
        language=language,
        wav=wav,
        tone=" ".join(tone.split()) or None if tone else None,
        treatment=treatment,
    )


def _audio(
    recording: Recording, text: str, options: PrepareOptions, sample_rate: int
) -> tuple[Float[np.ndarray, "N"], Treatment | None]:
    """The samples that are encoded, of which the text can be said, and what was done to them."""
    sound = read_sound(
        recording.audio,
        min_seconds=options.min_seconds,
        max_seconds=options.max_seconds,
        start=recording.start,
        end=recording.end,
        channels=recording.channels,
        max_peak=options.max_peak,
        max_clipped=options.max_clipped,
    )
    wav = resample(sound.wav, round(sound.rate * recording.factor), sample_rate)
    try:
        wav, treatment = treat(wav, sample_rate, options)
    except Silent as error:
        raise Silent(f"audio '{recording.audio}' is silent: {error}", error.seconds) from error
    if (seconds := len(wav) / sample_rate) < options.min_seconds and treatment and treatment.trimmed:
        raise TooShort(
            f"audio '{recording.audio}' lasts {seconds:.2f} s without the silence at its ends, "
            f"less than {options.min_seconds:g} s",
            seconds,
        )
    active = np.count_nonzero(speech_frames(wav, sample_rate, below=options.silence_db)) / FRAMES_PER_SECOND
    try:
        check_rate(
            text, seconds=len(wav) / sample_rate, active=active, least=options.min_letters, most=options.max_letters
        )
    except (TooFast, TooSlow) as error:
        raise type(error)(f"'{recording.audio}': {error}", error.rate) from error
    if sound.dead:
        treatment = replace(treatment or Treatment(), dead_channels=sound.dead)
    return wav, treatment
