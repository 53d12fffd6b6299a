"""The service over a loaded model: pieces of many requests are spoken as a batch, the most urgent first."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from valle import Speaker, UserError
from valle_serve.interface import Asked, Busy, Listener, Load, Piece, UnknownVoice, VoiceFacts
from valle_serve.readable import readable
from valle_serve.saying import Cut, Say


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
    """

    asked: Asked
    pieces: deque[Cut]
    listener: Listener
    arrived: float
    sent: float = 0.0
    began: float = 0.0

    def due(self) -> float:
        """When its listener runs out of speech, s; for one who got nothing yet, when it came."""
        return self.began + self.sent if self.began else self.arrived


class BatchedSpeaker:
    """See `Service`. One thread speaks; a batch is the next piece of each of the most urgent requests.

    Args:
        speaker: the model.
        say: how it speaks; see `Say`.
        speaking: most requests that are spoken at once.
        waiting: most requests that wait for their turn beside them.
        rows: most pieces of a batch.
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
        rows: int = 8,
        wait_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speaker, self._say, self._clock = speaker, say, clock
        self._most, self._most_waiting, self._rows, self._wait = speaking, waiting, rows, wait_seconds
        self._jobs: list[Job] = []
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._model = threading.Lock()
        """Held while the model works: it speaks, or encodes a recording."""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="valle-speaks", daemon=True)
        self._thread.start()

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
            self._changed.notify()

    def keep(self, name: str, recording: Path, *, text: str, language: str, sounds: str) -> VoiceFacts:
        with self._model:
            kept = self._speaker.keep(name, recording, text=text, language=language, sounds=sounds)
        return VoiceFacts(sounds=kept.sounds, seconds=kept.seconds, saved=True)

    def forget(self, name: str) -> None:
        from valle.voices import VoiceStore

        found = self.voices().get(name)
        if found is None:
            raise UnknownVoice(f"there is no voice '{name}'")
        if not found.saved:
            raise UserError(f"the voice '{name}' belongs to the model and stays")
        VoiceStore(self._speaker.saved).remove(name)

    def load(self) -> Load:
        with self._changed:
            return Load(speaking=len(self._jobs), waiting=len(self._queue))

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        while True:
            with self._changed:
                batch = self._next()
                while not batch and not self._closed:
                    self._changed.wait(0.05 if self._jobs or self._queue else None)
                    batch = self._next()
                if self._closed:
                    for job in (*self._jobs, *self._queue):
                        job.listener.end(Busy("the server is stopping"))
                    return
            self._speak(batch)

    def _next(self) -> list[Job]:
        """The jobs whose next pieces are spoken now, after those who left are gone and those who wait have moved up."""
        now = self._clock()
        self._jobs = [job for job in self._jobs if job.pieces and not job.listener.gone]
        for job in [job for job in self._queue if now - job.arrived > self._wait]:
            self._queue.remove(job)
            job.listener.end(Busy(f"it waited for its turn for {self._wait:g} s; try again later"))
        while self._queue and len(self._jobs) < self._most:
            job = self._queue.popleft()
            if not job.listener.gone:
                self._jobs.append(job)
        able = sorted((job for job in self._jobs if not job.listener.full), key=Job.due)
        return [job for job in able if job.asked.speed == able[0].asked.speed][: self._rows]

    def _speak(self, batch: Sequence[Job]) -> None:
        for job, spoken in zip(batch, self._answers(batch), strict=True):
            job.pieces.popleft()
            if isinstance(spoken, Exception):
                job.pieces.clear()
                job.listener.end(spoken)
                continue
            job.began = job.began or self._clock()
            job.sent += len(spoken.wav) / self.sample_rate
            job.listener.put(replace(spoken, last=not job.pieces))
            if not job.pieces:
                job.listener.end()

    def _answers(self, batch: Sequence[Job]) -> list[Piece | Exception]:
        """What is said for each; where a batch fails, each alone, so that one cannot spoil the others'."""
        cuts, speed = [job.pieces[0] for job in batch], batch[0].asked.speed
        try:
            with self._model:
                return [*self._say(self._speaker, cuts, speed)]
        except Exception as error:
            if len(batch) == 1:
                return [error]
        return [answer for job in batch for answer in self._answers([job])]
