"""The recognizer: stretches of speech are transcribed one by one, known texts are aligned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_language.recognition import RecognizedSegment, TimedWord, Transcript, check_languages
from valle_pocketsphinx import decoding
from valle_pocketsphinx.closed import read_closed
from valle_pocketsphinx.options import PocketSphinxOptions
from valle_pocketsphinx.sound import RATE, levelled, samples, stretches
from valle_pocketsphinx.words import placed, require_known, tokens

LANGUAGES = ("en-us", "en")


def build(options: PocketSphinxOptions, *, device: torch.device) -> PocketSphinx:
    """Factory of the entry point."""
    return PocketSphinx(options)


class PocketSphinx:
    """A `valle_language.recognition.Recognizer`; each stretch of speech gets a fresh decoder."""

    sample_rate = RATE
    max_seconds = 120.0

    def __init__(self, options: PocketSphinxOptions) -> None:
        self._options = options
        self._dictionary = decoding.Dictionary()
        self._closed = None if options.sentences is None else read_closed(options.sentences, self._dictionary)

    def portable_options(self) -> Mapping[str, Any]:
        """The options with the grammar in place of the file's name."""
        grammar = None if self._closed is None else self._closed.jsgf
        return {"sentences": grammar, "pause": self._options.pause, "least_fit": self._options.least_fit}

    def languages(self) -> Sequence[str]:
        """American English by either name."""
        return LANGUAGES

    def identity(self) -> Mapping[str, str]:
        """See `valle_language.recognition.KnowsItself`: the models are in the package."""
        return {"pocketsphinx": version("pocketsphinx")}

    @torch.no_grad()
    def transcribe(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], *, languages: Sequence[str | None]
    ) -> Sequence[Transcript]:
        """See `Recognizer.transcribe`. A stretch of speech between pauses is a segment."""
        check_languages("pocketsphinx", LANGUAGES, languages)
        rows = [self._segments(sound) for sound in _rows(wav, lengths)]
        return [Transcript(segments=row, language=str(tag)) for row, tag in zip(rows, languages, strict=True)]

    @torch.no_grad()
    def align(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"], texts: Sequence[str], *, languages: Sequence[str]
    ) -> Sequence[Sequence[TimedWord]]:
        """See `Recognizer.align`."""
        check_languages("pocketsphinx", LANGUAGES, languages)
        return [self._placed(sound, text) for sound, text in zip(_rows(wav, lengths), texts, strict=True)]

    def _segments(self, sound: Float[np.ndarray, "N"]) -> tuple[RecognizedSegment, ...]:
        level = levelled(sound)
        found = (self._segment(level[a:b], a / RATE, b / RATE) for a, b in stretches(level, self._options.pause))
        return tuple(one for one in found if one is not None)

    def _segment(self, sound: Float[np.ndarray, "N"], start: float, end: float) -> RecognizedSegment | None:
        pcm = samples(levelled(sound))
        if not pcm:
            return None
        closed = self._closed
        engine = decoding.decoder(dictation=True) if closed is None else decoding.with_grammar(closed.jsgf)
        decoding.run(engine, pcm)
        words = tuple(decoding.words(engine, start=start, end=end, sure=closed is None))
        if not words:
            return None
        if closed is not None:
            if decoding.fit(engine, pcm) < self._options.least_fit:
                return None
            if closed.sentences:
                sentence = closed.sentences.get(" ".join(word.text for word in words))
                if sentence is None:  # the end of no sentence was reached
                    return None
                words = placed(sentence, words)
        text = " ".join(word.text for word in words)
        return RecognizedSegment(text=text, start=words[0].start, end=words[-1].end, words=words)

    def _placed(self, sound: Float[np.ndarray, "N"], text: str) -> tuple[TimedWord, ...]:
        sentence = tokens(text)
        require_known(sentence, text, self._dictionary.__contains__)
        wanted = [word for token in sentence for word in token.words]
        pcm = samples(levelled(sound))
        found: list[TimedWord] = []
        if len(pcm) >= RATE // 5:
            engine = decoding.aligner(" ".join(wanted))
            decoding.run(engine, pcm)
            found = decoding.words(engine, start=0.0, end=len(sound) / RATE)
        if [word.text for word in found] != wanted:
            where = f"'{wanted[len(found)]}'" if len(found) < len(wanted) else "its words"
            raise UserError(f"{where} of {text!r} cannot be placed in the audio. Check the transcript")
        return placed(sentence, found)


def _rows(wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]) -> list[Float[np.ndarray, "n"]]:
    return [row[: int(length)].detach().cpu().float().numpy() for row, length in zip(wav, lengths, strict=True)]
