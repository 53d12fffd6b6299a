"""What is done to the audio of a recording before it is encoded: silence at its ends cut, loudness made equal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_core.reading.kinds import check_kinds
from valle_data.audio.activity import speech_frames, speech_span
from valle_data.preparation.options import PrepareOptions
from valle_kit.loudness import loudness_gain


@dataclass(frozen=True, kw_only=True, slots=True)
class Treatment:
    """What was done to one recording.

    Attributes:
        trimmed: seconds of silence cut.
        skipped: of these, those at the start.
        gain: decibels added; None where nothing was asked for, or where the recording is below the gate.
        limited: the gain is less than asked for, so that nothing clips.
        dead_channels: channels that hold next to nothing beside the others, and have no part in the mean.
    """

    trimmed: float = 0.0
    skipped: float = 0.0
    gain: float | None = None
    limited: bool = False
    dead_channels: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Any) -> Treatment:
        """The inverse of `to_json`; raises `ValueError` or `TypeError` for anything else."""
        check_kinds(stored, {"trimmed": float, "limited": bool, "dead_channels": int}, ("dead_channels",))
        if stored.get("gain") is not None:
            check_kinds(stored, {"gain": float})
        return cls(**stored)


@dataclass(frozen=True, kw_only=True, slots=True)
class Treatments:
    """What was done to all recordings of a dataset.

    Attributes:
        trimmed: recordings of which silence was cut.
        trimmed_seconds: of silence cut.
        normalised: recordings whose loudness was changed.
        limited: of these, those that stay quieter than asked for.
        lowest_gain, highest_gain: decibels.
        dead_channels: recordings that have such.
    """

    trimmed: int = 0
    trimmed_seconds: float = 0.0
    normalised: int = 0
    limited: int = 0
    lowest_gain: float = 0.0
    highest_gain: float = 0.0
    dead_channels: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the report has it."""
        return asdict(self)


class Silent(UserError):
    """The audio holds less speech than asked for; `seconds` is what it holds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


def treat(
    wav: Float[np.ndarray, "N"], rate: int, options: PrepareOptions
) -> tuple[Float[np.ndarray, "M"], Treatment | None]:
    """The audio as it is encoded, and what was done to it; a pure function of its arguments.

    Raises:
        Silent: less than `options.min_speech` seconds are not silence.
    """
    trimmed, skipped, gain, limited = 0.0, 0.0, None, False
    if options.min_speech > 0 or options.trim_silence:
        active = speech_frames(wav, rate, below=options.silence_db)
        seconds = float(np.count_nonzero(active)) / 100
        if seconds < options.min_speech or (options.trim_silence and not seconds):
            raise Silent(f"{seconds:.2f} s are louder than silence, less than {options.min_speech:g} s", seconds)
        if options.trim_silence:
            first, last = speech_span(active, len(wav), rate, keep=options.keep_silence)
            trimmed = round((len(wav) - (last - first)) / rate, 6)
            skipped = round(first / rate, 6)
            wav = wav[first:last]
    if options.loudness is not None:
        found = loudness_gain(wav, rate, target=options.loudness)
        if found is not None:
            gain, limited = round(found[0], 4), found[1]
            wav = (wav * np.float32(10 ** (gain / 20))).clip(-1.0, 1.0)
    asked = options.trim_silence or options.loudness is not None
    return wav, Treatment(trimmed=trimmed, skipped=skipped, gain=gain, limited=limited) if asked else None


def summed(treatments: Iterable[Treatment | None]) -> Treatments:
    """All of them together."""
    done = [one for one in treatments if one is not None]
    gains = [one.gain for one in done if one.gain is not None]
    return Treatments(
        trimmed=sum(one.trimmed > 0 for one in done),
        trimmed_seconds=round(sum(one.trimmed for one in done), 3),
        normalised=len(gains),
        limited=sum(one.limited for one in done),
        lowest_gain=min(gains, default=0.0),
        highest_gain=max(gains, default=0.0),
        dead_channels=sum(one.dead_channels > 0 for one in done),
    )
