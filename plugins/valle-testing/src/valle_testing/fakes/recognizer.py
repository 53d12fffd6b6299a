"""A recognizer of sung letters, exact to a few ms, for tests of everything around recognition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_language.recognition import PlacedPhonemes, RecognizedSegment, TimedWord, Transcript

RATE = 16_000
LETTER = 0.06
"""Seconds a letter is sung; a space is as long and silent."""

_LOWEST = {"xx": 250.0, "yy": 250.0 * 2 ** (1 / 20)}
"""Hz of the letter a; letters are a tenth of an octave apart, and each language lies between the steps of the other."""
_HOP = 80
_AUDIBLE = 0.02
_NEW_SEGMENT = 0.5


def sing(text: str, language: str = "xx") -> Float[np.ndarray, "N"]:
    """`text` as the fake recognizer knows it: a tone of `LETTER` seconds per letter, at 16 kHz; a space is silence."""
    samples = round(LETTER * RATE)
    time = np.arange(samples) / RATE
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.005)
    pieces = [np.zeros(0)]
    for letter in text.lower():
        hertz = _LOWEST[language] * 2 ** ((ord(letter) - ord("a")) / 10)
        pieces.append((0.4 if letter.isalpha() else 0.0) * fade * np.sin(2 * math.pi * hertz * time))
    return np.concatenate(pieces).astype(np.float32)


class FakeRecognizer:
    """Transcribes what `sing` sings, in the languages `xx` and `yy`; declares words, detect, align and
    phonemes (letters).

    A pause of half a second begins a new segment. `rows` counts the rows it has words or aligned.
    """

    sample_rate = RATE

    def __init__(self, *, max_seconds: float | None = None) -> None:
        self.max_seconds = max_seconds
        self.rows = 0

    def languages(self) -> Sequence[str]:
        """See `Recognizer.languages`."""
        return ("xx", "yy")

    def transcribe(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], *, languages: Sequence[str | None]
    ) -> Sequence[Transcript]:
        """See `Recognizer.transcribe`. Silence is of language `xx` where none is given."""
        self._require([tag for tag in languages if tag is not None])
        self.rows += len(languages)
        sounds = [row[: int(length)].detach().cpu().numpy() for row, length in zip(wav, lengths, strict=True)]
        return [_transcript(sound, tag) for sound, tag in zip(sounds, languages, strict=True)]

    def align(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], texts: Sequence[str], *, languages: Sequence[str]
    ) -> Sequence[Sequence[TimedWord]]:
        """See `Recognizer.align`: the words that were sung, where the text says them in that order."""
        self._require(languages)
        transcripts = self.transcribe(wav, lengths, languages=languages)
        return [_placed(text, transcript) for text, transcript in zip(texts, transcripts, strict=True)]

    def place(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], phonemes: Sequence[Phonemes]
    ) -> Sequence[PlacedPhonemes]:
        """See `valle_language.recognition.PlacesPhonemes`: a letter is where it was sung, if in its turn."""
        transcripts = self.transcribe(wav, lengths, languages=[one.language for one in phonemes])
        return [
            _letters_placed(one.symbols, transcript, int(length) / RATE)
            for one, transcript, length in zip(phonemes, transcripts, lengths, strict=True)
        ]

    def _require(self, languages: Sequence[str]) -> None:
        for tag in languages:
            if tag not in self.languages():
                raise UserError(f"language '{tag}' is unknown to the fake recognizer. Choose one of xx, yy")


def _transcript(sound: Float[np.ndarray, "N"], language: str | None) -> Transcript:
    words = [(start, end, _pitches(sound, start, end)) for start, end in _stretches(sound)]
    steps = [10 * math.log2(hertz / _LOWEST["xx"]) for _, _, pitches in words for hertz in pitches]
    odd = sum(0.25 < step % 1 < 0.75 for step in steps)
    tag = language or ("yy" if 2 * odd > len(steps) else "xx")
    segments: list[list[TimedWord]] = []
    for start, end, pitches in words:
        letters = [round(10 * math.log2(hertz / _LOWEST[tag])) for hertz in pitches]
        text = "".join(chr(ord("a") + min(max(letter, 0), 25)) for letter in letters)
        word = TimedWord(text=text, start=start / RATE, end=end / RATE, probability=1.0)
        if not segments or word.start - segments[-1][-1].end >= _NEW_SEGMENT:
            segments.append([])
        segments[-1].append(word)
    return Transcript(
        segments=tuple(
            RecognizedSegment(
                text=" ".join(word.text for word in group), start=group[0].start, end=group[-1].end, words=tuple(group)
            )
            for group in segments
        ),
        language=tag,
    )


def _stretches(sound: Float[np.ndarray, "N"]) -> list[tuple[int, int]]:
    """Samples from … to of each stretch that is audible, frame by frame, and half a letter long at least."""
    frames = len(sound) // _HOP
    loud = np.sqrt(np.square(sound[: frames * _HOP].reshape(frames, _HOP).astype(np.float64)).mean(1)) > _AUDIBLE
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    pairs = [(int(start) * _HOP, int(end) * _HOP) for start, end in edges.reshape(-1, 2)]
    return [(start, end) for start, end in pairs if end - start >= LETTER * RATE / 2]


def _pitches(sound: Float[np.ndarray, "N"], start: int, end: int) -> list[float]:
    """Hz of each letter of a word: the loudest spectral peak of its stretch, refined by a parabola."""
    count = max(1, round((end - start) / RATE / LETTER))
    found = []
    for piece in np.array_split(sound[start:end].astype(np.float64), count):
        size = 8192
        spectrum = np.log(np.abs(np.fft.rfft(piece * np.hanning(len(piece)), size)) + 1e-9)
        peak = int(spectrum[80:-1].argmax()) + 80
        left, middle, right = spectrum[peak - 1 : peak + 2]
        curve = min(left - 2 * middle + right, -1e-9)
        found.append((peak + min(max(0.5 * (left - right) / curve, -0.5), 0.5)) * RATE / size)
    return found


def _placed(text: str, transcript: Transcript) -> list[TimedWord]:
    if not text.split():
        raise UserError(f"text {text!r} has no words to align. Give a text with words")
    words = [word for segment in transcript.segments for word in segment.words]
    placed = []
    for written in text.split():
        while words and words[0].text != written.lower():
            words.pop(0)
        if not words:
            raise UserError(f"word '{written}' of {text!r} is not in the audio. Check the transcript")
        word = words.pop(0)
        placed.append(TimedWord(text=written, start=word.start, end=word.end, probability=word.probability))
    return placed


def _letters_placed(symbols: Sequence[str], transcript: Transcript, seconds: float) -> PlacedPhonemes:
    words = [word for segment in transcript.segments for word in segment.words]
    sung = [
        (letter, word.start + (word.end - word.start) * place / len(word.text), word.end)
        for word in words
        for place, letter in enumerate(word.text)
    ]
    letters = [symbol.lower() for symbol in symbols if symbol.isalpha()]
    if not letters:
        raise UserError(f"phonemes {' '.join(symbols)!r} have no letter. Give some")
    if len(sung) < len(letters):
        raise UserError(f"{len(letters)} letters do not fit into {seconds:.2f} s. Check the transcript")
    begins, found, end = list[float](), 0, 0.0
    for symbol in symbols:
        if symbol.isalpha():
            letter, start, end = sung.pop(0)
            found += letter == symbol.lower()
            begins.append(start)
        else:
            begins.append(sung[0][1] if sung else end)
    return PlacedPhonemes(times=(*begins, min(end, seconds)), found=found / len(letters))
