"""The recognizer: phonemes by the likeliest token of each frame, words of a known text by forced alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_hama.forced import forced_path
from valle_hama.network import HOP, RATE, SAME, SHORTEST, Network, identity, is_phone
from valle_hama.options import HamaOptions
from valle_hama.placing import placed
from valle_language.normalise import normalise
from valle_language.recognition import PlacedPhonemes, RecognizedSegment, TimedWord, Transcript, check_languages

LANGUAGES = ("en", "en-us", "en-gb")
LONGEST_PHONE = 0.3
"""Seconds: CTC says where a phoneme begins and holds it until the next, across any pause."""


def build(options: HamaOptions, *, device: torch.device) -> Hama:
    """Factory of the entry point."""
    return Hama(options, Network())


class Hama:
    """A `valle_language.recognition.Recognizer` whose words are phonemes."""

    sample_rate = RATE
    max_seconds = 60.0

    def __init__(self, options: HamaOptions, network: Network) -> None:
        self._options, self._network = options, network

    def languages(self) -> Sequence[str]:
        """English, whichever."""
        return LANGUAGES

    def identity(self) -> Mapping[str, str]:
        """See `valle_language.recognition.KnowsItself`."""
        return identity()

    def pronounce(self, text: str, language: str) -> tuple[str, ...]:
        """See `valle_language.recognition.Pronounces`."""
        check_languages("hama", LANGUAGES, [language])
        return tuple(phone for word in normalise(text, language).split() for phone in self._spelt(word))

    @torch.no_grad()
    def transcribe(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], *, languages: Sequence[str | None]
    ) -> Sequence[Transcript]:
        """See `Recognizer.transcribe`."""
        check_languages("hama", LANGUAGES, languages)
        rows = [self._segments(self._phones(sound)) for sound in _rows(wav, lengths)]
        return [Transcript(segments=row, language=str(tag)) for row, tag in zip(rows, languages, strict=True)]

    @torch.no_grad()
    def align(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], texts: Sequence[str], *, languages: Sequence[str]
    ) -> Sequence[Sequence[TimedWord]]:
        """See `Recognizer.align`. A word is written out (numbers) and spelt, and all its phonemes are placed."""
        check_languages("hama", LANGUAGES, languages)
        return [
            self._placed(sound, text, language)
            for sound, text, language in zip(_rows(wav, lengths), texts, languages, strict=True)
        ]

    @torch.no_grad()
    def place(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], phonemes: Sequence[Phonemes]
    ) -> Sequence[PlacedPhonemes]:
        """See `valle_language.recognition.PlacesPhonemes`. Symbols are IPA, or misaki's letters."""
        check_languages("hama", LANGUAGES, [one.language for one in phonemes])
        rows = _rows(wav, lengths)
        for sound in rows:
            if not self._audible(sound):
                raise UserError(f"there is no speech in {len(sound) / RATE:.2f} s of silence. Check the recording")
        return [placed(self._network, sound, one.symbols) for sound, one in zip(rows, phonemes, strict=True)]

    def _phones(self, sound: Float[np.ndarray, "N"]) -> list[TimedWord]:
        """One after the other; none in silence."""
        if not self._audible(sound):
            return []
        scores = self._network.log_probs(sound)
        seconds = len(sound) / RATE
        found: list[TimedWord] = []
        frame = 0
        for token, run in groupby(scores.argmax(1).tolist()):
            start, frame = frame, frame + len(list(run))
            name = self._network.tokens[token]
            if start and found and (token == self._network.boundary or is_phone(name)):
                found[-1] = _ended(found[-1], min(start * HOP / RATE, seconds))
            if is_phone(name):
                sure = float(np.exp(scores[start:frame, token].max()))
                found.append(_phone(SAME.get(name, name), min(start * HOP / RATE, seconds), seconds, sure))
        return found

    def _segments(self, phones: Sequence[TimedWord]) -> tuple[RecognizedSegment, ...]:
        groups: list[list[TimedWord]] = []
        for phone in phones:
            if not groups or phone.start - groups[-1][-1].end >= self._options.pause:
                groups.append([])
            groups[-1].append(phone)
        return tuple(
            RecognizedSegment(
                text=" ".join(phone.text for phone in group),
                start=group[0].start,
                end=group[-1].end,
                words=tuple(group),
            )
            for group in groups
        )

    def _placed(self, sound: Float[np.ndarray, "N"], text: str, language: str) -> list[TimedWord]:
        words = text.split()
        phonemes = [self._tokens(normalise(word, language)) for word in words]
        if not any(phonemes):
            raise UserError(f"text {text!r} has no words. Give a text with words")
        tokens = [token for word in phonemes for token in word]
        path = self._path(sound, tokens) if self._audible(sound) else None
        if path is None:
            raise UserError(
                f"the words of {text!r} cannot be placed in {len(sound) / RATE:.2f} s. Check the transcript"
            )
        seconds, last, place = len(sound) / RATE, 0.0, 0
        found: list[TimedWord] = []
        for written, own in zip(words, phonemes, strict=True):
            start = end = last
            if own:
                start = max(last, path[place][0] * HOP / RATE)
                place += len(own)
                end = path[place - 1][1] * HOP / RATE
            start, end = min(start, seconds), min(max(end, start), seconds)
            found.append(TimedWord(text=written, start=start, end=end))
            last = end
        return found

    def _path(self, sound: Float[np.ndarray, "N"], tokens: Sequence[int]) -> list[tuple[int, int]] | None:
        scores = self._network.log_probs(sound)
        repeats = [False, *(one == other for one, other in pairwise(tokens))]
        return forced_path(scores[:, tokens], scores[:, self._network.blank], repeats)

    def _spelt(self, word: str) -> tuple[str, ...]:
        return tuple(phone for part in word.replace("-", " ").split() for phone in self._network.pronounce(part))

    def _tokens(self, words: str) -> list[int]:
        phones = (phone for word in words.split() for phone in self._spelt(word))
        return [token for phone in phones if (token := self._network.place(phone)) is not None]

    def _audible(self, sound: Float[np.ndarray, "N"]) -> bool:
        return len(sound) >= SHORTEST and float(np.abs(sound).max()) >= 10 ** (self._options.silence / 20)


def _phone(name: str, start: float, seconds: float, sure: float) -> TimedWord:
    return TimedWord(text=name, start=start, end=min(start + LONGEST_PHONE, seconds), probability=min(sure, 1.0))


def _ended(phone: TimedWord, end: float) -> TimedWord:
    return TimedWord(
        text=phone.text, start=phone.start, end=max(phone.start, min(phone.end, end)), probability=phone.probability
    )


def _rows(wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]) -> list[Float[np.ndarray, "n"]]:
    rows = (row[: int(length)] for row, length in zip(wav, lengths, strict=True))
    return [np.nan_to_num(row.detach().cpu().float().numpy()).clip(-1, 1) for row in rows]
