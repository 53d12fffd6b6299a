"""The service by continuous batching: each request goes on by a token a step, whoever comes or leaves meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from valle import Speaker
from valle_core.api import Request
from valle_serve.admission import Job, ModelService
from valle_serve.following import Follower
from valle_serve.saying import Say

MOST_ENGINES = 4
"""Speaking rates whose engines are kept; one that is idle makes room for another."""

MOST_FOLLOWED = 2
"""Pieces of a job that were said and whose sound is not made; then others are said first."""

NEW_PER_THREAD = 2
"""Jobs that are said and of which nothing has left, for each thread that makes sound."""

TIGHT_SECONDS = 1.0
"""Speech that a listener has to play while its next is not ready; until it is, nothing new is begun."""


class Steps(Protocol):
    """What `valle_kit.engine.Engine` does."""

    @property
    def idle(self) -> bool: ...

    def submit(self, request: Request) -> int: ...

    def cancel(self, ticket: int) -> bool: ...

    def step(self) -> Sequence[Any]: ...


class ContinuousSpeaker(ModelService):
    """Where rows that come and go cost nothing, as on a CPU. One thread steps, others make sound of what was said.

    Sound is made of windows of a row while the row goes on. Where the windows are depends on the request alone.

    Args:
        speaker: the model.
        say: how it speaks.
        engine: of a speaking rate.
        sounding: threads that make sound.
        more: see `ModelService`.
    """

    def __init__(
        self, speaker: Speaker, say: Say, engine: Callable[[float], Steps], *, sounding: int = 1, **more: Any
    ) -> None:
        super().__init__(speaker, say, **more)
        self._make = engine
        self._engines: dict[float, Steps] = {}
        self._spoken: dict[tuple[float, int], tuple[Job, Follower]] = {}
        """What is in the engines now: (rate, ticket) → job and what follows the row."""
        self._sound = [
            threading.Thread(target=self._make_sound, name=f"valle-sound-{number}", daemon=True)
            for number in range(sounding)
        ]
        for thread in (self._thread, *self._sound):
            thread.start()

    def close(self) -> None:
        super().close()
        for thread in self._sound:
            thread.join(timeout=60)

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
        """The jobs that have a piece to say and none in an engine, first whose turn it is; of new ones only a few.

        Steps of many rows take longer, and what new ones would say early waits for its sound anyway.
        """
        busy = {id(job) for job, _ in self._spoken.values()}
        free = (job for job in self._jobs if job.pieces and id(job) not in busy and len(job.followed) < MOST_FOLLOWED)
        able = (job for job in free if not job.listener.full)
        new = sum(not job.began and (id(job) in busy or bool(job.followed)) for job in self._jobs)
        chosen = []
        for job in sorted(able, key=self._turn):
            if job.began or new < NEW_PER_THREAD * len(self._sound):
                chosen.append(job)
                new += not job.began
        return chosen

    def _submit(self, job: Job) -> None:
        rate = job.asked.speed
        try:
            cut = job.pieces[0]
            engine = self._engine(rate)
            ticket = engine.submit(cut.request)
            follower = self._say.follow(self._speaker, cut)
        except IndexError:  # the piece before it failed meanwhile
            return
        except Exception as error:
            self._done(job, error)
            return
        self._spoken[rate, ticket] = job, follower  # `_leave` takes it out if the job ended meanwhile
        with self._changed:
            if not job.over:
                job.pieces.popleft()
                job.followed.append(follower)

    def _engine(self, rate: float) -> Steps:
        if rate not in self._engines:
            idle = [one for one, engine in self._engines.items() if engine.idle]
            if idle and len(self._engines) >= MOST_ENGINES:
                del self._engines[idle[0]]
            self._engines[rate] = self._make(rate)
        return self._engines[rate]

    def _leave(self) -> None:
        """Rows of clients that left, and of jobs that failed, are free at once."""
        for (rate, ticket), (job, _) in list(self._spoken.items()):
            if job.listener.gone or job.over:
                self._engines[rate].cancel(ticket)
                del self._spoken[rate, ticket]

    def _take(self, rate: float, event: Any) -> None:
        """What a row said is noted; the other thread makes sound of it."""
        key = (rate, event.ticket)
        if key not in self._spoken:
            return
        job, follower = self._spoken[key]
        if hasattr(event, "finish"):
            del self._spoken[key]
        try:
            follower.see(event)
        except Exception as error:
            self._done(job, error)
        if follower.ready:
            with self._changed:
                self._changed.notify_all()

    def _make_sound(self) -> None:
        while True:
            with self._changed:
                job = self._most_urgent()
                while job is None and not self._closed:
                    self._changed.wait(0.05 if self._jobs else None)
                    job = self._most_urgent()
                if job is None or self._closed:
                    return
                follower, job.sounding = job.followed[0], True
            try:
                self._next_sound(job, follower)
            except Exception as error:
                self._done(job, error)
            with self._changed:
                job.sounding = False
                self._changed.notify_all()

    def _next_sound(self, job: Job, follower: Follower) -> None:
        """Make and deliver it; beside others the first piece leaves with the second one.

        Else the first, which is short, would be played before the second one's turn comes.
        """
        piece = follower.piece()
        with self._changed:
            if job.over:
                return
            if piece.last:
                job.followed.popleft()
            last = piece.last and not job.followed and not job.pieces
            if not (len(piece.wav) or last):
                return
            if not (last or job.began or job.held) and len(self._jobs) > max(1, len(self._sound) // 2):
                job.held = piece
                return
            held, job.held = job.held, None
        if held is not None:
            self._deliver(job, held, last=False)
        self._deliver(job, piece, last=last)

    def _most_urgent(self) -> Job | None:
        """The job whose turn it is, of those for whom sound can be made; no new one while another is about to pause.

        Holds `_changed`.
        """
        present = [job for job in self._jobs if not job.listener.full and not job.listener.gone]
        able = (job for job in present if job.followed and not job.sounding and job.followed[0].ready)
        found = min(able, key=self._turn, default=None)
        if found is None or found.began:
            return found
        soon = self._clock() + TIGHT_SECONDS
        tight = any(job.began and job.began + job.sent < soon for job in present if job is not found)
        return None if tight else found
