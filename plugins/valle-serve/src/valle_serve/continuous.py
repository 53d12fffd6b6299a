"""The service by continuous batching: each request goes on by a token a step, whoever comes or leaves meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from valle import Speaker
from valle_core.api import Request, Speech
from valle_serve.admission import Job, ModelService
from valle_serve.saying import Cut, Say

MOST_ENGINES = 4
"""Speaking rates whose engines are kept; one that is idle makes room for another."""


class Steps(Protocol):
    """What `valle_kit.engine.Engine` does."""

    @property
    def idle(self) -> bool: ...

    def submit(self, request: Request) -> int: ...

    def cancel(self, ticket: int) -> bool: ...

    def step(self) -> Sequence[Any]: ...


class ContinuousSpeaker(ModelService):
    """Where rows that come and go cost nothing, as on a CPU. Two threads: one steps, one makes sound of what ended.

    Args:
        speaker: the model.
        say: how it speaks.
        engine: of a speaking rate.
        more: see `ModelService`.
    """

    def __init__(self, speaker: Speaker, say: Say, engine: Callable[[float], Steps], **more: Any) -> None:
        super().__init__(speaker, say, **more)
        self._make = engine
        self._engines: dict[float, Steps] = {}
        self._spoken: dict[tuple[float, int], tuple[Job, Cut]] = {}
        """What is in the engines now: (rate, ticket) → job and piece."""
        self._sound = ThreadPoolExecutor(1, thread_name_prefix="valle-sound")
        self._thread.start()

    def close(self) -> None:
        super().close()
        self._sound.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._move_up()
                fresh = self._ready()
                if not fresh and not self._spoken and not self._closed:
                    self._changed.wait(0.05 if self._jobs or self._queue else None)
                    continue
                if self._closed:
                    break
            for job in fresh:
                self._submit(job)
            self._leave()
            for rate, engine in list(self._engines.items()):
                if not engine.idle:
                    self._step(rate, engine)
        for rate, ticket in self._spoken:
            self._engines[rate].cancel(ticket)
        self._end_all()

    def _step(self, rate: float, engine: Steps) -> None:
        """One token more for each row; an engine that fails ends its own rows and is made anew."""
        try:
            events = engine.step()
        except Exception as error:
            del self._engines[rate]
            for key in [key for key in self._spoken if key[0] == rate]:
                engine.cancel(key[1])
                self._done(self._spoken.pop(key)[0], error)
            return
        for event in events:
            self._take(rate, event)

    def _ready(self) -> list[Job]:
        """The jobs that have a piece to say and none in an engine, first who runs out of speech first."""
        busy = {id(job) for job, _ in self._spoken.values()}
        able = (job for job in self._jobs if job.pieces and id(job) not in busy and not job.listener.full)
        return sorted(able, key=Job.due)

    def _submit(self, job: Job) -> None:
        try:
            cut = job.pieces.popleft()
        except IndexError:  # the piece before it failed meanwhile
            return
        rate = job.asked.speed
        try:
            self._spoken[rate, self._engine(rate).submit(cut.request)] = job, cut
        except Exception as error:
            self._done(job, error)

    def _engine(self, rate: float) -> Steps:
        if rate not in self._engines:
            idle = [one for one, engine in self._engines.items() if engine.idle]
            if idle and len(self._engines) >= MOST_ENGINES:
                del self._engines[idle[0]]
            self._engines[rate] = self._make(rate)
        return self._engines[rate]

    def _leave(self) -> None:
        """Rows of clients that left are free at once."""
        for (rate, ticket), (job, _) in list(self._spoken.items()):
            if job.listener.gone:
                self._engines[rate].cancel(ticket)
                del self._spoken[rate, ticket]

    def _take(self, rate: float, event: Any) -> None:
        """An ended row becomes sound in the other thread, in the order of the rows that ended."""
        finish: Callable[[], Speech] | None = getattr(event, "finish", None)
        if finish is None or (rate, event.ticket) not in self._spoken:
            return
        job, cut = self._spoken.pop((rate, event.ticket))
        self._sound.submit(self._finish, job, cut, finish, last=not job.pieces)

    def _finish(self, job: Job, cut: Cut, finish: Callable[[], Speech], *, last: bool) -> None:
        try:
            speech = finish()  # also for a client that left: it ends the thread of the row
            if job.listener.gone:
                return
            piece = self._say.piece(self._speaker, cut, speech)
        except Exception as error:
            self._done(job, error)
        else:
            self._deliver(job, piece, last=last)
        with self._changed:
            self._changed.notify()
