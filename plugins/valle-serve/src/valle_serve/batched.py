"""The service by batches: the next pieces of the most urgent requests are spoken together, then the next ones."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from valle import Speaker
from valle_serve.admission import Job, ModelService
from valle_serve.interface import Piece, VoiceFacts
from valle_serve.saying import Say


class BatchedSpeaker(ModelService):
    """Where one batch costs about as much as one row, as on a GPU. A piece waits for the batch before it.

    Args:
        speaker: the model.
        say: how it speaks.
        rows: most pieces of a batch.
        more: see `ModelService`.
    """

    def __init__(self, speaker: Speaker, say: Say, *, rows: int = 8, **more: Any) -> None:
        super().__init__(speaker, say, **more)
        self._rows = rows
        self._model = threading.Lock()
        """Held while the model works: it speaks, or encodes a recording."""
        self._thread.start()

    def keep(self, name: str, recording: Path, *, text: str, language: str, sounds: str) -> VoiceFacts:
        with self._model:
            return super().keep(name, recording, text=text, language=language, sounds=sounds)

    def _run(self) -> None:
        while True:
            with self._changed:
                batch = self._next()
                while not batch and not self._closed:
                    self._changed.wait(0.05 if self._jobs or self._queue else None)
                    batch = self._next()
            if self._closed:
                self._end_all()
                return
            for job, spoken in zip(batch, self._answers(batch), strict=True):
                job.pieces.popleft()
                if isinstance(spoken, Exception):
                    self._done(job, spoken)
                else:
                    self._deliver(job, spoken, last=not job.pieces)

    def _next(self) -> list[Job]:
        """The jobs whose next pieces are spoken now: one rate, and first who runs out of speech first."""
        self._move_up()
        able = sorted((job for job in self._jobs if not job.listener.full), key=self._turn)
        return [job for job in able if job.asked.speed == able[0].asked.speed][: self._rows]

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
