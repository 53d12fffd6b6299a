"""Touch tones → digits with times."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from valle_core.plugin import UserError
from valle_language.recognition import RecognizedSegment, TimedWord, Transcript, check_languages

from acme_package.options import AcmeNameOptions
from acme_package.tones import Tones

LANGUAGES = ("en",)


def build(options: AcmeNameOptions, *, device: torch.device) -> AcmeNameRecognizer:
    """Factory of the entry point."""
    return AcmeNameRecognizer(options, device)


class AcmeNameRecognizer:
    """See `valle_language.recognition.Recognizer`."""

    sample_rate = 8000
    max_seconds = None

    def __init__(self, options: AcmeNameOptions, device: torch.device) -> None:
        self._options = options
        self._device = device
        self._tones = Tones(self.sample_rate, device)

    def languages(self) -> Sequence[str]:
        return LANGUAGES

    @torch.no_grad()
    def transcribe(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], *, languages: Sequence[str | None]
    ) -> Sequence[Transcript]:
        """Each row for itself, so that nobody beside it matters."""
        check_languages("acme-name", LANGUAGES, languages)
        rows = (self._words(row, int(length)) for row, length in zip(wav, lengths, strict=True))
        return [self._transcript(words, str(tag)) for words, tag in zip(rows, languages, strict=True)]

    @torch.no_grad()
    def align(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], texts: Sequence[str], *, languages: Sequence[str]
    ) -> Sequence[Sequence[TimedWord]]:
        """The keys that were pressed must be those of the text, in its order; others between them are passed over."""
        check_languages("acme-name", LANGUAGES, languages)
        rows = (self._words(row, int(length)) for row, length in zip(wav, lengths, strict=True))
        return [self._placed(text, words) for text, words in zip(texts, rows, strict=True)]

    def _words(self, row: Float[Tensor, "N"], length: int) -> list[TimedWord]:
        keys = self._tones.keys(row[:length].to(self._device), self._options.quietest)
        pressed = self._tones.pressed(keys, self._options.shortest)
        return [TimedWord(text=word, start=start, end=end) for word, start, end in pressed]

    def _transcript(self, words: Sequence[TimedWord], language: str) -> Transcript:
        groups: list[list[TimedWord]] = []
        for word in words:
            if not groups or word.start - groups[-1][-1].end >= self._options.gap:
                groups.append([])
            groups[-1].append(word)
        segments = (
            RecognizedSegment(
                text=" ".join(word.text for word in group), start=group[0].start, end=group[-1].end, words=tuple(group)
            )
            for group in groups
        )
        return Transcript(segments=tuple(segments), language=language)

    @staticmethod
    def _placed(text: str, words: Sequence[TimedWord]) -> list[TimedWord]:
        if not text.split():
            raise UserError(f"text {text!r} has no words to align. Give a text with words")
        left, placed = iter(words), []
        for written in text.split():
            word = next((word for word in left if word.text == written.lower().strip(".,;:!?")), None)
            if word is None:
                raise UserError(f"word '{written}' of {text!r} is not in the audio. Check the transcript")
            placed.append(TimedWord(text=written, start=word.start, end=word.end))
        return placed
