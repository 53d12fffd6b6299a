"""How a loaded model says the pieces of requests: cut by sentences, spoken as a batch, words found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np

from valle import Speaker, UserError
from valle_core.api import Request, Speech
from valle_kit.streaming import Windowing
from valle_language.long_text import Splitting, paused, with_language
from valle_serve.following import FollowedRow, Follower
from valle_serve.interface import Asked, Piece, SpokenWord, UnknownVoice
from valle_serve.words import placed_words


class Cut(NamedTuple):
    """A piece of a text: seconds of silence before it, what is asked of the model, and whether others are before it."""

    pause: float
    request: Request
    later: bool = False


class Say(Protocol):
    """How requests are cut and spoken."""

    def cut(self, asked: Asked, speaker: Speaker) -> list[Cut]:
        """The pieces of a text, in order. Raises `UserError` or `UnknownVoice`."""
        ...

    def follow(self, speaker: Speaker, cut: Cut) -> Follower:
        """What makes sound of the row of an engine that says it."""
        ...

    def __call__(self, speaker: Speaker, cuts: Sequence[Cut], speed: float) -> list[Piece]:
        """Each said, as it would be alone. Raises `UserError`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SaySentences:
    """Sentence by sentence.

    Attributes:
        splitting: see `valle_language.long_text`.
        max_seconds: bound of a sentence.
        windowing: windows of a sentence in which its sound leaves.
    """

    splitting: Splitting = field(default_factory=Splitting)
    max_seconds: float = 20.0
    windowing: Windowing = field(default_factory=Windowing)

    def cut(self, asked: Asked, speaker: Speaker) -> list[Cut]:
        if asked.speed != 1:
            speaker.at(speed=asked.speed)  # refused here where the model has one rate
        if asked.voice and asked.voice not in speaker.voices:
            raise UnknownVoice(f"there is no voice '{asked.voice:.80}'. Choose one of: {', '.join(speaker.voices)}")
        prompt, words = speaker.followed(asked.voice)
        request = Request(
            text=asked.text,
            prompt=prompt,
            prompt_text=words,
            language=asked.language or None,
            seed=asked.seed,
            max_seconds=self.max_seconds,
        )
        request, _ = with_language(request, speaker.languages)
        tag = request.language or speaker.languages[0]
        if tag not in speaker.languages:
            raise UserError(f"language '{tag}' is unknown here. Choose from {', '.join(speaker.languages)}")
        pieces = paused(request, tag, self.splitting)
        return [Cut(gap, one, later=number > 0) for number, (gap, one) in enumerate(pieces)]

    def follow(self, speaker: Speaker, cut: Cut) -> Follower:
        windowing = self.windowing.later if cut.later else self.windowing
        return FollowedRow(cut.request, cut.pause, self._placing(speaker, cut), windowing)

    def _placing(self, speaker: Speaker, cut: Cut) -> Callable[[Speech], list[SpokenWord]]:
        """Finds the words of the text in a speech."""
        tag = cut.request.language or speaker.languages[0]
        counted = cache(lambda text: _count(speaker, text, tag))
        return lambda speech: placed_words(cut.request.text, speech.words, counted)

    def _piece(self, speaker: Speaker, cut: Cut, speech: Speech) -> Piece:
        wav = speech.wav.numpy().astype(np.float32, copy=False)
        silence = np.zeros(round(cut.pause * speech.sample_rate), np.float32)
        words = self._placing(speaker, cut)(speech)
        return Piece(
            wav=np.concatenate([silence, wav]),
            words=tuple(SpokenWord(text, start + cut.pause, end + cut.pause) for text, start, end in words),
            warnings=tuple(speech.notes(cut.request)),
            tokens=len(speech.codes),
        )

    def __call__(self, speaker: Speaker, cuts: Sequence[Cut], speed: float) -> list[Piece]:
        synthesizer = speaker.at(speed=speed)
        speeches = synthesizer([cut.request for cut in cuts])
        return [self._piece(speaker, cut, speech) for cut, speech in zip(cuts, speeches, strict=True)]


def _count(speaker: Speaker, text: str, tag: str) -> int:
    """Words that a part of a text is spoken as; 0 where it is silent."""
    try:
        return len(speaker.synthesizer.components.frontend.phonemize(text, tag).words)
    except UserError:
        return 0
