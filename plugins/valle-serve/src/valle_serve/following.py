"""One piece of a text on its way from the engine's tokens to what a listener gets: sound, words, remarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from valle_core.api import Request, Speech
from valle_kit.following import Following
from valle_kit.streaming import Windowing
from valle_serve.interface import Piece, SpokenWord


class Follower(Protocol):
    """What follows a row of an engine; `see` is called in the engine's thread, `piece` in another."""

    @property
    def ready(self) -> bool:
        """Whether `piece` has something to give, or an error to raise."""
        ...

    def see(self, event: Any) -> None:
        """The row went on, or has ended."""
        ...

    def piece(self) -> Piece:
        """The next, which may have no sound; `last` is that of the row."""
        ...


class FollowedRow:
    """Follows a row of `valle_kit.engine.Engine`, window by window.

    Args:
        request: that the row says.
        pause: seconds of silence before its sound.
        place: of the words of a speech, as the text writes them.
        windowing: where its windows are.
    """

    def __init__(
        self,
        request: Request,
        pause: float,
        place: Callable[[Speech], Sequence[SpokenWord]],
        windowing: Windowing,
    ) -> None:
        self._request, self._pause, self._place, self._windowing = request, pause, place, windowing
        self._row: Following | None = None
        self._words = self._tokens = 0
        self._silence, self._sent = pause, 0.0

    @property
    def ready(self) -> bool:
        return self._row is not None and self._row.ready

    def see(self, event: Any) -> None:
        self._row = self._row or Following(event, self._windowing)
        self._row.see(event)

    def piece(self) -> Piece:
        assert self._row is not None
        part = self._row.part()
        last, rate = part.chunk.last, part.speech.sample_rate
        if not len(part.chunk.wav) and not last:
            return Piece(wav=np.zeros(0, np.float32))
        silence, self._silence = np.zeros(round(self._silence * rate), np.float32), 0.0
        wav = np.concatenate([silence, part.chunk.wav.numpy().astype(np.float32, copy=False)])
        words = [one for one in self._place(part.speech)[self._words :] if last or one.end <= part.end]
        moved = self._pause - self._sent
        tokens = part.frames - self._tokens
        self._words, self._tokens, self._sent = self._words + len(words), part.frames, self._sent + len(wav) / rate
        return Piece(
            wav=wav,
            words=tuple(SpokenWord(text, start + moved, end + moved) for text, start, end in words),
            warnings=tuple(part.speech.notes(self._request)) if last else (),
            tokens=tokens,
            last=last,
        )
