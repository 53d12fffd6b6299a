"""Clips for the suite of metrics: English speech with all that may be known of it, and the same spoilt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import torch

from valle_core.audio.wav import resample
from valle_language.measuring import Clip, Metric, Score, Sound
from valle_language.recognition import RecognizedSegment, TimedWord, Transcript
from valle_testing.suites.recognizer.speech import SPOKEN, built_in

Build = Callable[[], Metric]
"""Makes a metric on the device to test."""

SOUNDS = ("sound", "reference", "source", "voice")
PHONES = ("ð ə b oʊ t s eɪ l z t ə n aɪ t", "t uː h ɔ ɹ s ɪ z ɹ æ n ə l ɔ ŋ ð ə b iː t͡ʃ")
"""Of the built-in sentences."""


def good_clip(metric: Metric, which: int = 0) -> Clip:
    """A sentence said well, at the metric's rate, with all that a clip may hold."""
    source = [clip for clip in built_in() if clip.text in SPOKEN.values()][which]
    rate = metric.sample_rate or source.sample_rate
    sound = Sound(wav=torch.from_numpy(resample(source.wav, source.sample_rate, rate)), sample_rate=rate)
    return Clip(
        sound=sound,
        text=f"{source.text.capitalize()}.",
        language="en",
        transcript=transcript(source.text, sound.seconds),
        phones=timed(PHONES[which].split(), sound.seconds),
        expected=tuple(PHONES[which].split()),
        reference=Sound(wav=sound.wav.clone(), sample_rate=rate),
        source=Sound(wav=sound.wav.clone(), sample_rate=rate),
        voice=Sound(wav=sound.wav.clone(), sample_rate=rate),
        making=sound.seconds / 10,
        ended=True,
    )


def spoilt_clip(metric: Metric) -> Clip:
    """The same said badly in every respect: half of it noise, another voice wanted, words lost and said again."""
    good, other = good_clip(metric), good_clip(metric, 1)
    noise = torch.randn(good.sound.wav.shape, generator=torch.Generator().manual_seed(3))
    wav = 0.5 * good.sound.wav + 0.1 * noise
    phones = [*good.expected[5:], *good.expected[5:]] if good.expected else []
    return replace(
        good,
        sound=Sound(wav=wav.clamp(-1, 1), sample_rate=good.sound.sample_rate),
        voice=other.sound,
        transcript=transcript("the boat the goat the goat sails", good.sound.seconds),
        phones=timed(phones, good.sound.seconds),
        making=good.sound.seconds * 10,
        ended=False,
    )


def transcript(text: str, seconds: float) -> Transcript:
    """One segment; none where the text is empty."""
    segments = (RecognizedSegment(text=text, start=0.0, end=seconds),) if text else ()
    return Transcript(segments=segments, language="en")


def timed(phones: list[str], seconds: float) -> tuple[TimedWord, ...]:
    """One after the other, all equally long."""
    step = seconds / max(len(phones), 1)
    return tuple(TimedWord(text=one, start=i * step, end=(i + 1) * step) for i, one in enumerate(phones))


def with_sound(clip: Clip, wav: torch.Tensor) -> Clip:
    """The clip with other samples everywhere."""
    rate = clip.sound.sample_rate
    sounds: Mapping[str, Any] = {name: Sound(wav=wav.clone(), sample_rate=rate) for name in SOUNDS}
    return replace(clip, **sounds)


def only(clip: Clip, needs: frozenset[str]) -> Clip:
    """The clip with its sound and what is named; the text is empty where it is not named."""
    kept = {"sound", "language", *needs}
    dropped: Mapping[str, Any] = {
        field.name: "" if field.name == "text" else None for field in fields(clip) if field.name not in kept
    }
    return replace(clip, **dropped)


def values(scores: Mapping[str, Score]) -> dict[str, float]:
    """Figure → value."""
    return {name: score.value for name, score in scores.items()}
