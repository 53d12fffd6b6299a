"""Reading a recording: its transcript, its language and its samples, or why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from valle_core.audio.wav import TooLong, TooShort, load
from valle_core.plugin import UserError
from valle_core.preparation.options import PrepareOptions
from valle_core.preparation.recordings import Recording, Rejection, spoken_language, transcript


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A recording with all that is needed to encode it.

    Attributes:
        recording: where it came from.
        stamp: state of its files before they were read.
        text: transcript.
        language: tag.
        wav: mono samples at the codec's rate.
    """

    recording: Recording
    stamp: str
    text: str
    language: str
    wav: Float[np.ndarray, "N"]


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
    language = spoken_language(recording, options.language)
    if isinstance(language, Rejection):
        return NotLoaded(recording=recording, stamp=stamp, rejection=language)
    try:
        wav = load(recording.audio, sample_rate, min_seconds=options.min_seconds, max_seconds=options.max_seconds)
    except UserError as error:
        reason = {TooShort: "too-short", TooLong: "too-long"}.get(type(error), "bad-audio")
        rejection = Rejection(id=recording.id, reason=reason, detail=str(error))
        return NotLoaded(recording=recording, stamp=stamp, rejection=rejection)
    return Loaded(recording=recording, stamp=stamp, text=text, language=language, wav=wav)
