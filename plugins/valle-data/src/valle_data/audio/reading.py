"""Careful reading of recordings: what no recorder makes, what was cut off and what lies outside is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from valle_core.audio.wav import BLOCK, check_finite, check_length, check_longest, opened, resample
from valle_core.plugin import UserError
from valle_data.audio.channels import CANCELLED, Mixdown, clipped_share
from valle_data.audio.wholeness import why_not_whole

UNREADABLE = (
    *(".m4a", ".mp4", ".aac", ".wma", ".webm", ".amr", ".ape", ".wv", ".3gp", ".mka", ".mkv", ".mov", ".ac3", ".spx"),
    *(".aif", ".aiff", ".au", ".caf", ".w64", ".sph", ".mp2", ".oga"),
)
"""Endings of audio that is not read, so that it can be counted."""

MAX_PEAK = 4.0
"""Largest sample that is taken for audio, 12 dB above full scale: floats may pass 1, integers begin far above."""

_ENDLESS = 1 << 60  # frames of a flac whose writer did not know how many there would be
_BEYOND = 0.1  # seconds by which the end of a part may lie behind the end of the file
_REMARK = re.compile(r"^ *data : (\d+) \(should be (\d+)\)", re.M)
_CUT_OFF = 0.1  # seconds that may be missing; encoders round to frames of up to 0.05 s


class OutOfScale(UserError):
    """Samples far above full scale: the file holds integers where it says floats."""


class OppositePhase(UserError):
    """The channels cancel each other."""


class Clipped(UserError):
    """Too much of the audio lies at its peak; `share` is how much."""

    def __init__(self, message: str, share: float) -> None:
        super().__init__(message)
        self.share = share


class OutOfBounds(UserError):
    """The part asked for is not inside of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """What a file says.

    Attributes:
        wav: samples in about [−1, 1], averaged over the channels that are not dead.
        rate: in Hz.
        dead: channels that had no part in the mean, for they hold next to nothing beside the others.
    """

    wav: Float[np.ndarray, "N"]
    rate: int
    dead: int = 0


def read(
    path: Path,
    *,
    min_seconds: float = 0.0,
    max_seconds: float | None = None,
    start: float | None = None,
    end: float | None = None,
    channels: Sequence[int] = (),
) -> tuple[Float[np.ndarray, "N"], int]:
    """Samples and rate of `read_sound`, which says what is refused."""
    sound = read_sound(path, min_seconds=min_seconds, max_seconds=max_seconds, start=start, end=end, channels=channels)
    return sound.wav, sound.rate


def read_sound(
    path: Path,
    *,
    min_seconds: float = 0.0,
    max_seconds: float | None = None,
    start: float | None = None,
    end: float | None = None,
    channels: Sequence[int] = (),
    max_peak: float = MAX_PEAK,
    max_clipped: float = 1.0,
) -> Sound:
    """The sound of a file, averaged over channels.

    Audio longer than `max_seconds` is refused by its header, before its samples are read.

    Args:
        path: of the file.
        min_seconds, max_seconds: bounds of the duration of what is read.
        start, end: seconds; only that part is read. The end may lie 0.1 s behind the file's.
        channels: those that are averaged, from 0; empty for all.
        max_peak: samples above it, where full scale is 1, are no audio.
        max_clipped: share of the samples that may be clipped (see `clipped_share`).

    Raises:
        UserError: the file is unreadable, empty, not audio, cut off (it holds noticeably less than its header
            promises), or holds values that are not finite; `Missing` where it is not there; `TooShort` or `TooLong`
            where its duration is outside the bounds; `OutOfBounds` where the part is outside of the file;
            `OutOfScale`, `OppositePhase` or `Clipped` where the sound cannot be what was recorded.
    """
    path = Path(path)
    with opened(path) as file:
        rate = file.samplerate
        first, last = _span(path, file.frames, rate, start, end)
        if last >= _ENDLESS:
            raise UserError(f"audio '{path}' does not say how long it is (written to a pipe). Convert it again")
        check_longest(path, (last - first) / rate, max_seconds)
        if channels and max(channels) >= file.channels:
            raise UserError(f"audio '{path}' has {file.channels} channels, asked for channel {max(channels)}")
        count = None if end is None else last - first
        mono, mixdown = _samples(file, first, count, channels)
        dead = 0
        if living := mixdown.living:
            dead = len(channels or range(file.channels)) - len(living)
            mono, mixdown = _samples(file, first, count, living)
        promised = (last - first) / rate * (_missing_data(file.extra_info) if end is None else 1.0)
        why = _why_not_whole(path) if end is None else ""
    if why:
        raise UserError(f"audio '{path}' is damaged or was cut off: {why}. Copy or export it again")
    check_length(path, mono, rate, 0.0, None)
    _check_whole(path, len(mono) / rate, promised)
    check_length(path, mono, rate, min_seconds, max_seconds)
    _check_sound(path, mono, mixdown, max_peak, max_clipped)
    return Sound(wav=mono, rate=int(rate), dead=dead)


def check_peak(path: Path, peak: float, max_peak: float = MAX_PEAK) -> None:
    """Raises `OutOfScale` where the largest sample of a file cannot be sound."""
    if peak > max_peak:
        raise OutOfScale(
            f"audio '{path}' has a peak of {peak:.6g}, more than {max_peak:g} times full scale: integers in a file of "
            "floats? Divide its samples (of 16 bits by 32768) or export it again"
        )


def _why_not_whole(path: Path) -> str:
    with path.open("rb") as file:
        return why_not_whole(file)


def _check_sound(
    path: Path, mono: Float[np.ndarray, "N"], mixdown: Mixdown, max_peak: float, max_clipped: float
) -> None:
    """What no recorder makes: values that are not finite, beyond every scale, cancelled by each other, or cut flat."""
    check_finite(path, mono, mixdown.peak)
    check_peak(path, mixdown.peak, max_peak)
    if mixdown.kept < CANCELLED:
        raise OppositePhase(
            f"the channels of audio '{path}' are in opposite phase: their mean is "
            f"{-10 * math.log10(max(mixdown.kept, 1e-12)):.0f} dB quieter than they are. Export one of them"
        )
    if (share := clipped_share(mono)) > max_clipped:
        raise Clipped(f"audio '{path}' is clipped: {share:.2f} of it lies at its peak. Record it less loud", share)


def _span(path: Path, frames: int, rate: int, start: float | None, end: float | None) -> tuple[int, int]:
    """First sample of the part asked for and the one after its last."""
    first, last = round((start or 0.0) * rate), frames if end is None else round(end * rate)
    if first >= frames > 0 or last > frames + _BEYOND * rate:
        raise OutOfBounds(
            f"audio '{path}' lasts {frames / rate:.2f} s, asked for {first / rate:.2f} … {last / rate:.2f} s. "
            f"Correct start and end"
        )
    return first, min(last, frames)


def _samples(
    file: Any, first: int, count: int | None, channels: Sequence[int]
) -> tuple[Float[np.ndarray, "N"], Mixdown]:
    """Averaged over channels, from sample `first` on, `count` or all that are there."""
    if file.tell() != first:
        file.seek(first)
    blocks, mix = [], Mixdown(channels)  # a damaged header may promise terabytes: memory follows what is really there
    left = count
    while left is None or left > 0:
        block = file.read(BLOCK if left is None else min(BLOCK, left), dtype="float32", always_2d=True)
        if not len(block):
            break
        blocks.append(mix(block))
        left = None if left is None else left - len(block)
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32), mix


def _missing_data(log: str) -> float:
    """How many times what is there a wav header promises, by what libsndfile remarks.

    libsndfile shortens a wav that was cut off without an error. A recorder that does not know the length in advance
    writes the largest number there is, which promises nothing.
    """
    found = _REMARK.search(log)
    expected, there = (int(found[1]), int(found[2])) if found else (0, 0)
    return expected / there if 0 < there < expected < 0x7FFF0000 else 1.0


def _check_whole(path: Path, seconds: float, promised: float) -> None:
    """A file that was cut off would teach that its text ends in the middle."""
    if promised - seconds > max(_CUT_OFF, 0.02 * promised):
        raise UserError(
            f"audio '{path}' was cut off: it holds {seconds:.2f} s of the {promised:.2f} s its header promises. "
            f"Copy it again"
        )


def load(
    path: Path,
    sample_rate: int,
    *,
    min_seconds: float = 0.0,
    max_seconds: float | None = None,
    start: float | None = None,
    end: float | None = None,
    channels: Sequence[int] = (),
) -> Float[np.ndarray, "N"]:
    """Mono samples of a file or a part of it at `sample_rate`, of a length within the bounds.

    Raises:
        UserError: as `read`.
    """
    wav, rate = read(path, min_seconds=min_seconds, max_seconds=max_seconds, start=start, end=end, channels=channels)
    return resample(wav, rate, sample_rate)
