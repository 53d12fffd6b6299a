"""Speech, batches and comparisons for the suite of recognizers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from io import BytesIO

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.audio.wav import resample
from valle_language.recognition import Recognizer, TimedWord, Transcript

Build = Callable[[], Recognizer]
"""Makes a recognizer on the device to test."""

SPOKEN = {"en-1.ogg": "the boat sails tonight", "en-2.ogg": "two horses ran along the beach"}
"""English, spoken by espeak-ng (voices f2 and m3), 16 kHz."""

KEYS = {"five": (770, 1336), "zero": (941, 1336), "three": (697, 1477), "nine": (852, 1477)}
"""Hz of touch tones (ITU-T Q.23): what a recognizer that takes no speech may recognize."""

TOLERANCE = 0.045
"""Seconds by which equal times may differ between batches: frames of recognizers last 10 to 20 ms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Audio and what is said in it.

    Attributes:
        wav: mono samples.
        sample_rate: of them, in Hz.
        text: what is said, in words the recognizer knows.
        language: tag, e.g. `"en"`.
    """

    wav: Float[np.ndarray, "N"]
    sample_rate: int
    text: str
    language: str


def built_in() -> tuple[Clip, ...]:
    """Two English sentences and a telephone number."""
    import soundfile

    clips = []
    for name, text in SPOKEN.items():
        stored = files("valle_testing").joinpath("speech", name).read_bytes()
        wav, rate = soundfile.read(BytesIO(stored), dtype="float32")
        clips.append(Clip(wav=wav, sample_rate=rate, text=text, language="en"))
    return (*clips, Clip(wav=_dialled(), sample_rate=16_000, text=" ".join(KEYS), language="en"))


def _dialled() -> Float[np.ndarray, "N"]:
    time = np.arange(1600) / 16_000
    gap = np.zeros(1600)
    tones = [0.25 * sum(np.sin(2 * math.pi * hertz * time) for hertz in pair) for pair in KEYS.values()]
    return np.concatenate([piece for tone in tones for piece in (gap, tone)] + [gap]).astype(np.float32)


def clips_for(recognizer: Recognizer, given: Sequence[Clip] | None) -> list[Clip]:
    """At its rate and with tags it accepts: of the clip's language where it has one, else its first."""
    tags = list(recognizer.languages())
    fitted = []
    for clip in given or built_in():
        same = [tag for tag in tags if tag.split("-")[0] == clip.language.split("-")[0]]
        tag = clip.language if clip.language in tags else (same or tags)[0]
        wav = resample(clip.wav, clip.sample_rate, recognizer.sample_rate)
        fitted.append(replace(clip, wav=wav, sample_rate=recognizer.sample_rate, language=tag))
    return fitted


def batch(
    wavs: Sequence[Float[np.ndarray, "n"]], *, behind: float = 0.0, spare: int = 0, device: str = "cpu"
) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
    """Right-padded with noise of this loudness (NaN: with NaN), `spare` samples longer than the longest."""
    size = (len(wavs), max((len(wav) for wav in wavs), default=0) + spare)
    wav = behind * torch.randn(size, generator=torch.Generator().manual_seed(3))
    for row, clip in zip(wav, wavs, strict=True):
        row[: len(clip)] = torch.from_numpy(clip)
    lengths = torch.tensor([len(clip) for clip in wavs], dtype=torch.long)
    return wav.to(device), lengths.to(device)


def transcribed(
    recognizer: Recognizer, clips: Sequence[Clip], *, behind: float = 0.0, spare: int = 0, device: str = "cpu"
) -> list[Transcript]:
    """What it transcribes in a padded batch."""
    wav, lengths = batch([clip.wav for clip in clips], behind=behind, spare=spare, device=device)
    return list(recognizer.transcribe(wav, lengths, languages=[clip.language for clip in clips]))


def aligned(
    recognizer: Recognizer, clips: Sequence[Clip], *, behind: float = 0.0, spare: int = 0, device: str = "cpu"
) -> list[Sequence[TimedWord]]:
    """Where it finds the words of a padded batch."""
    wav, lengths = batch([clip.wav for clip in clips], behind=behind, spare=spare, device=device)
    texts, languages = [clip.text for clip in clips], [clip.language for clip in clips]
    return list(recognizer.align(wav, lengths, texts, languages=languages))


def described(transcript: Transcript) -> str:
    """A transcript for a message: text with the times of its segments."""
    parts = [f"{one.text!r} {one.start:.2f} … {one.end:.2f}" for one in transcript.segments]
    return f"{', '.join(parts) or 'nothing'} ({transcript.language})"


def same_words(one: Sequence[TimedWord], other: Sequence[TimedWord]) -> bool:
    """Whether the words are equal and their times agree to a few frames."""
    return [word.text for word in one] == [word.text for word in other] and all(
        abs(a - b) <= TOLERANCE
        for left, right in zip(one, other, strict=True)
        for a, b in ((left.start, right.start), (left.end, right.end))
    )


def same(one: Transcript, other: Transcript) -> bool:
    """Whether texts, languages and words are equal and times agree to a few frames."""
    if (one.language, [part.text for part in one.segments]) != (other.language, [part.text for part in other.segments]):
        return False
    return all(
        abs(left.start - right.start) <= TOLERANCE
        and abs(left.end - right.end) <= TOLERANCE
        and same_words(left.words, right.words)
        for left, right in zip(one.segments, other.segments, strict=True)
    )
