"""Requests that are spoken, and those that wait: who comes in, moves up, is late, has left."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from valle import Speaker, UserError
from valle.voices import VoiceStore
from valle_serve.following import Follower
from valle_serve.interface import Asked, Busy, Listener, Load, Piece, UnknownVoice, VoiceFacts
from valle_serve.readable import readable
from valle_serve.saying import Cut, Say

SAFE_SECONDS = 3.0
"""Speech that a listener has to play when others who got nothing yet go first: some windows take less time."""


@dataclass(slots=True, eq=False)
class Job:
    """A request that is being spoken.

    Attributes:
        asked: as it came.
        pieces: what is left to say.
        listener: whom it goes to.
        arrived: when, s.
        sent: seconds of speech that were delivered.
        began: when its first piece was delivered, s; 0 before.
        followed: rows of an engine that say its pieces, in order, whose sound is not delivered yet.
        sounding: a thread makes sound of it now.
        held: its first piece, where the next one is waited for.
        over: it has ended.
    """

    asked: Asked
    pieces: deque[Cut]
    listener: Listener
    arrived: float
    sent: float = 0.0
    began: float = 0.0
    followed: deque[Follower] = field(default_factory=deque)
    sounding: bool = False
    held: Piece | None = None
    over: bool = False

    def turn(self, now: float) -> tuple[int, float]:
        """Smaller goes first: whose listener soon runs out of speech; who got nothing yet, as they came; the others.

        So what has begun goes on without a pause where there is too much to do, and what has not begun waits.
        """
        if not self.began:
            return 1, self.arrived
        out = self.began + self.sent
        return (0 if out < now + SAFE_SECONDS else 2), out


class ModelService(ABC):
    """A `Service` over a loaded model; how its thread speaks is the subclass's.

    Args:
        speaker: the model.
        say: how a text is cut, and what becomes of a speech.
        speaking: most requests that are spoken at once.
        waiting: most requests that wait for their turn beside them.
        wait_seconds: longest wait for a turn.
        clock: seconds.
    """

    def __init__(
        self,
        speaker: Speaker,
        say: Say,
        *,
        speaking: int = 32,
        waiting: int = 64,
        wait_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speaker, self._say, self._clock = speaker, say, clock
        self._most, self._most_waiting, self._wait = speaking, waiting, wait_seconds
        self._jobs: list[Job] = []
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="valle-speaks", daemon=True)

    @property
    def sample_rate(self) -> int:
        return self._speaker.sample_rate

    @property
    def languages(self) -> Sequence[str]:
        return self._speaker.languages

    def voices(self) -> Mapping[str, VoiceFacts]:
        box = self._speaker.box
        own = {} if box is None else box.voices
        return {name: VoiceFacts(sounds=sounds, saved=name not in own) for name, sounds in self._speaker.voices.items()}

    def start(self, asked: Asked, listener: Listener) -> None:
        asked = replace(asked, text=readable(asked.text))
        job = Job(asked, deque(self._say.cut(asked, self._speaker)), listener, self._clock())
        with self._changed:
            if self._closed:
                raise Busy("the server is stopping")
            if len(self._jobs) >= self._most and len(self._queue) >= self._most_waiting:
                raise Busy(f"{len(self._jobs)} requests are being spoken and {len(self._queue)} wait; try again later")
            (self._queue if len(self._jobs) >= self._most else self._jobs).append(job)
            self._changed.notify_all()

    def keep(self, name: str, recording: Path, *, text: str, language: str, sounds: str) -> VoiceFacts:
        kept = self._speaker.keep(name, recording, text=text, language=language, sounds=sounds)
        return VoiceFacts(sounds=kept.sounds, seconds=kept.seconds, saved=True)

    def forget(self, name: str) -> None:
        found = self.voices().get(name)
        if found is None:
            raise UnknownVoice(f"there is no voice '{name:.80}'")
        if not found.saved:
            raise UserError(f"the voice '{name}' belongs to the model and stays")
        VoiceStore(self._speaker.saved).remove(name)

    def load(self) -> Load:
        with self._changed:
            return Load(speaking=len(self._jobs), waiting=len(self._queue))

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=60)

    @abstractmethod
    def _run(self) -> None:
        """Speak until it is closed; then end all with `_end_all`."""

    def _move_up(self) -> None:
        """Who is too late is told so, who left is gone, and those who wait take free places. Holds `_changed`."""
        now = self._clock()
        self._jobs = [job for job in self._jobs if not job.listener.gone]
        for job in [job for job in self._queue if now - job.arrived > self._wait]:
            self._queue.remove(job)
            job.listener.end(Busy(f"it waited for its turn for {self._wait:g} s; try again later"))
        while self._queue and len(self._jobs) < self._most:
            job = self._queue.popleft()
            if not job.listener.gone:
                self._jobs.append(job)

    def _turn(self, job: Job) -> tuple[int, float]:
        return job.turn(self._clock())

    def _deliver(self, job: Job, piece: Piece, *, last: bool) -> None:
        """The next piece of a job; after the last one the job is done."""
        job.began = job.began or self._clock()
        job.sent += len(piece.wav) / self.sample_rate
        job.listener.put(replace(piece, last=last))
        if last:
            self._done(job)

    def _done(self, job: Job, error: Exception | None = None) -> None:
        """A job has ended."""
        with self._changed:
            job.over = True
            job.pieces.clear()
            job.followed.clear()
            if job in self._jobs:
                self._jobs.remove(job)
            self._changed.notify_all()
        job.listener.end(error)

    def _end_all(self) -> None:
        with self._changed:
            left = [*self._jobs, *self._queue]
        for job in left:
            self._done(job, Busy("the server is stopping"))
