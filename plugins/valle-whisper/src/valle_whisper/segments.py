"""Tokens of a window → stretches of text between timestamps, and where the next window begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from valle_language.recognition import TimedWord
from valle_whisper.features import LOUDNESS_HOP_SECONDS

SECONDS_PER_STEP = 0.02
"""Between two timestamp tokens, and between two states of the encoder."""

GAP_SECONDS = 1.0
"""A silence of this length or more ends a window."""

SOUND_BELOW_LOUDEST = 40.0
"""dB below a row's loudest 10 ms down to which a frame counts as sound: no word begins before or ends after those."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Text tokens between two timestamps.

    Attributes:
        tokens: without timestamps.
        start: in seconds from the window's start.
        end: the same.
    """

    tokens: tuple[int, ...]
    start: float
    end: float


def split_window(tokens: Sequence[int], *, first: int, seconds: float) -> tuple[list[Stretch], float]:
    """The stretches of a window, and how many seconds of it are done with (as openai/whisper's `transcribe`).

    Two timestamps in a row end one stretch and begin the next. What follows the last such pair was cut off by the
    window's end, and the next window begins there, unless a single timestamp closes it.

    Args:
        tokens: text and timestamps.
        first: the token of 0 s; what is at or above it is a time.
        seconds: how much sound the window holds.
    """
    times = [token >= first for token in tokens]
    pairs = [place for place in range(1, len(tokens)) if times[place - 1] and times[place]]
    closed = times[-2:] == [False, True] or not pairs
    if closed:
        pairs = [*pairs, len(tokens)]
    stretches, begin = [], 0
    for place in pairs:
        part = tokens[begin:place]
        marks = [(token - first) * SECONDS_PER_STEP for token in part if token >= first]
        text = tuple(token for token in part if token < first)
        opened = bool(part) and part[0] >= first
        start = min(marks[0] if opened else 0.0, seconds)
        end = marks[-1] if len(marks) > opened else seconds
        stretches.append(Stretch(tokens=text, start=start, end=max(start, min(end, seconds))))
        begin = place
    if closed:
        return stretches, seconds
    done = min((tokens[begin - 1] - first) * SECONDS_PER_STEP, seconds)
    return stretches, done if done > 0 else seconds


def islands(
    loudness: Float[np.ndarray, "T"], seconds: float, *, silence: float, gap: float = GAP_SECONDS
) -> list[tuple[float, float]]:
    """A row cut in the middle of each silence of `gap` seconds or more: start and end of the parts, in seconds.

    A model fills long silences with text that nobody said; so none of its windows holds one.
    """
    sound = np.flatnonzero(loudness >= silence)
    cuts = [
        (left + 1 + right) / 2 * LOUDNESS_HOP_SECONDS
        for left, right in pairwise(sound)
        if (right - left - 1) * LOUDNESS_HOP_SECONDS >= gap
    ]
    return list(pairwise([0.0, *map(milliseconds, map(float, cuts)), seconds]))


def sound_bounds(loudness: Float[np.ndarray, "T"], seconds: float) -> tuple[float, float]:
    """From when to when a row is not silent, in seconds."""
    loud = np.flatnonzero(loudness >= loudness.max() - SOUND_BELOW_LOUDEST)
    return float(loud[0]) * LOUDNESS_HOP_SECONDS, min(float(loud[-1] + 1) * LOUDNESS_HOP_SECONDS, seconds)


def milliseconds(seconds: float) -> float:
    """Whole milliseconds, rounded down, so that a time inside the audio stays inside."""
    return math.floor(seconds * 1000 + 1e-6) / 1000


def within(words: Sequence[TimedWord], start: float, end: float) -> list[TimedWord]:
    """The words with times moved into [start, end], none before the end of the one before; in milliseconds."""
    moved, last = [], start
    for word in words:
        first = min(max(word.start, last), end)
        last = min(max(word.end, first), end)
        moved.append(replace(word, start=milliseconds(first), end=milliseconds(last)))
    return moved
