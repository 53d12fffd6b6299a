"""What a synthesizer is to the corpus, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Num

QUIET = 0.01
"""Share of the loudest 10 ms below which a moment counts as silence: −40 dB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaker:
    """Who speaks.

    Attributes:
        name: the folder of its recordings.
        language: tag of what it reads.
        settings: what its engine needs to know; JSON, and stored with every utterance.
    """

    name: str
    language: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A symbol or word with its start and end in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """What was spoken.

    Attributes:
        audio: [N] int16 at the engine's rate.
        phonemes: symbols in order, without overlap; pauses carry an empty label. None where the engine keeps no times.
        words: the words of the text, in order, if the engine says them.
        symbols: those of the text as a frontend gives them, one for each of `phonemes` that is no pause at an end;
            empty where the engine's phonemes are not those of a frontend.
    """

    audio: Num[np.ndarray, "N"]
    phonemes: tuple[Span, ...] = ()
    words: tuple[Span, ...] = ()
    symbols: tuple[str, ...] = ()


@runtime_checkable
class Engine(Protocol):
    """A synthesizer. It is built once a process.

    Attributes:
        sample_rate: Hz of what it gives.
        languages: roots of the tags that it reads, e.g. `en`.
    """

    sample_rate: int
    languages: Sequence[str]

    def speakers(self, count: int, *, languages: Sequence[str], seed: int, held_out: bool) -> Sequence[Speaker]:
        """`count` speakers, evenly over the languages; those held out share no voice with the others.

        Raises `UserError` where it has fewer.
        """
        ...

    def speaker(self, name: str) -> Speaker:
        """The one of this name. Raises `UserError` where there is none."""
        ...

    def speak(self, text: str, speaker: Speaker, *, seed: int) -> Spoken:
        """Say `text`. Raises `UserError` for text that it cannot say."""
        ...


def to_int16(audio: Num[np.ndarray, "N"]) -> Num[np.ndarray, "N"]:
    """Float samples of full scale one, as they are stored."""
    return np.round(np.clip(audio, -1.0, 1.0) * 32767).astype(np.int16)


def trimmed(spoken: Spoken, sample_rate: int, *, keep: float = 0.06) -> Spoken:
    """Without the silence at both ends but for `keep` seconds; times move along and stay inside."""
    step = sample_rate // 100
    count = len(spoken.audio) // step
    if not count:
        return spoken
    blocks = spoken.audio[: count * step].reshape(count, step).astype(np.float64)
    level = np.sqrt(np.square(blocks).mean(1))
    loud = np.flatnonzero(level > level.max() * QUIET)
    if not len(loud):
        return spoken
    first = max(int(loud[0]) * step - round(keep * sample_rate), 0)
    last = min((int(loud[-1]) + 1) * step + round(keep * sample_rate), len(spoken.audio))
    cut, seconds = first / sample_rate, (last - first) / sample_rate
    return replace(
        spoken,
        audio=spoken.audio[first:last],
        phonemes=moved(spoken.phonemes, -cut, seconds),
        words=moved(spoken.words, -cut, seconds),
    )


def moved(spans: Sequence[Span], shift: float, seconds: float) -> tuple[Span, ...]:
    """The spans `shift` seconds later, inside 0 … `seconds`."""

    def inside(time: float) -> float:
        return min(max(time + shift, 0.0), seconds)

    return tuple(replace(span, start=inside(span.start), end=inside(span.end)) for span in spans)


def spans_of(labels: Sequence[str], ends: Sequence[float]) -> tuple[Span, ...]:
    """Symbols one after the other from 0 on, with the seconds at which each ends."""
    return tuple(
        Span(label=label, start=start, end=end) for label, start, end in zip(labels, (0.0, *ends), ends, strict=False)
    )
