"""The seam between what clients speak (HTTP) and what speaks: what is asked for, what comes back, who listens."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

AHEAD_SECONDS = 20.0
"""Speech that may wait for a slow client before its request is left alone, so that memory is bounded."""


class Busy(Exception):
    """The server has as much to do as it may have; `seconds` is when to ask again."""

    def __init__(self, message: str, seconds: int = 5) -> None:
        super().__init__(message)
        self.seconds = seconds


class UnknownVoice(ValueError):
    """There is no voice of that name."""


class SpokenWord(NamedTuple):
    """A word as the text has it, and the seconds at which it starts and ends."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Piece:
    """A part of a speech, in order.

    Attributes:
        wav: [N] in [−1, 1], at the service's rate; silence before it included.
        words: with times from the beginning of this piece; empty for a model without an alignment.
        warnings: what the listener should know, one line each.
        tokens: of level 0.
        last: nothing follows.
    """

    wav: Float[np.ndarray, "N"]
    words: tuple[SpokenWord, ...] = ()
    warnings: tuple[str, ...] = ()
    tokens: int = 0
    last: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One text to say.

    Attributes:
        text: it has words.
        voice: name, or "" for the first.
        speed: speaking rate in [0.25, 4].
        language: tag, "auto", or "" for the model's first.
        seed: random seed.
    """

    text: str
    voice: str = ""
    speed: float = 1.0
    language: str = ""
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What a service has to do now.

    Attributes:
        speaking: requests that are being spoken.
        waiting: requests that wait for their turn.
    """

    speaking: int = 0
    waiting: int = 0


class Listener:
    """What one request is delivered to, from any thread, and read from by one reader.

    Args:
        wake: called after each delivery, so that a reader elsewhere looks again.
        rate: of the pieces, Hz.
    """

    def __init__(self, wake: Callable[[], None] = lambda: None, rate: int = 24_000) -> None:
        self._wake, self._rate = wake, rate
        self._lock = threading.Lock()
        self._pieces: deque[Piece] = deque()
        self._ended = False
        self._error: Exception | None = None
        self.gone = False
        """The client has left: nothing more is wanted."""

    def put(self, piece: Piece) -> None:
        """Deliver the next piece."""
        with self._lock:
            if not self.gone:
                self._pieces.append(piece)
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """Nothing follows; an error tells why where the text is not spoken to its end."""
        with self._lock:
            self._ended, self._error = True, error
        self._wake()

    def leave(self) -> None:
        """The client has left; what waits for it is dropped."""
        with self._lock:
            self.gone = True
            self._pieces.clear()

    @property
    def full(self) -> bool:
        """Whether so much waits to be read that no more should be made now."""
        with self._lock:
            return sum(len(piece.wav) for piece in self._pieces) > AHEAD_SECONDS * self._rate

    def take(self) -> Piece | None:
        """The next piece; None where there is none yet, `StopIteration` at the end, or the error that ended it."""
        with self._lock:
            if self._pieces:
                return self._pieces.popleft()
            if self._ended:
                raise self._error or StopIteration
            return None


class Service(Protocol):
    """What speaks. All of it may be called from any thread."""

    @property
    def sample_rate(self) -> int:
        """Hz of its pieces."""
        ...

    @property
    def languages(self) -> Sequence[str]:
        """Tags, the first is usual."""
        ...

    def voices(self) -> Mapping[str, VoiceFacts]:
        """Name → what is known of it; the first speaks where none is named."""
        ...

    def start(self, asked: Asked, listener: Listener) -> None:
        """Begin to say a text; its pieces go to the listener. It returns before the text is spoken.

        Raises:
            Busy: there is too much to do.
            UnknownVoice: there is no such voice.
            UserError: a text that cannot be spoken.
        """
        ...

    def keep(self, name: str, recording: Path, *, text: str, language: str, sounds: str) -> VoiceFacts:
        """Keep a recording as a voice. Raises `UserError`."""
        ...

    def forget(self, name: str) -> None:
        """Remove a voice that was kept. Raises `UnknownVoice`, or `UserError` for one that belongs to the model."""
        ...

    def load(self) -> Load:
        """What it has to do now."""
        ...

    def close(self) -> None:
        """End: what is being spoken ends with an error."""
        ...


class VoiceFacts(NamedTuple):
    """What is known of a voice: how it sounds, seconds of its prompt (0: not known), whether it was kept by a user."""

    sounds: str = ""
    seconds: float = 0.0
    saved: bool = False
