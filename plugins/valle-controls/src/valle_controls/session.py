"""What was asked of one run, and what is said to it: words come in one thread, steps are taken in another."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any

from valle_controls.export import begin
from valle_controls.words import WORDS, Answer, Reply, Request, understood
from valle_core.api import UserError

PATIENCE = 300.0
"""Seconds that a run which is over waits for an export."""


class Session:
    """From the first step of a run to its last.

    Args:
        run: its folder.
        step: taken so far.
        steps: to take in all.
    """

    def __init__(self, run: Path, step: int, steps: int) -> None:
        self._run, self._begun, self._steps, self._since = run, step, steps, time.monotonic()
        self._step, self._line, self._saved, self._state = step, dict[str, Any](), "", "training"
        self._asked = queue.SimpleQueue[Request]()
        self._waiting: list[Request] = []
        self._exports: list[Thread] = []

    def take(self, line: str, reply: Reply) -> None:
        """A line from anywhere: answered at once where it is wrong or asks nothing of the run, else kept."""
        try:
            request = understood(line, reply)
        except UserError as error:
            reply(Answer(text=str(error), ok=False))
            return
        if request.word == "status":
            reply(self.status())
        elif request.word == "help":
            reply(Answer(text="\n".join(f"{word:8}{what}" for word, what in WORDS.items()), facts=dict(WORDS)))
        elif self._state == "over":
            reply(Answer(text=f"the run is over, at step {self._step}", ok=False))
        else:
            self._asked.put(request)

    def requests(self, step: int) -> dict[str, Any]:
        """What the loop is to do after this step."""
        self._step = step
        wanted: dict[str, Any] = {}
        while not self._asked.empty():
            request = self._asked.get()
            if request.word == "lr":
                wanted["lr"] = request.number
                text = f"peak learning rate {request.number:g} from step {step + 1} on"
                request.reply(Answer(text=text, facts={"lr": request.number, "step": step + 1}))
                continue
            wanted["save" if request.word == "export" else request.word] = True
            self._waiting.append(request)
        if "quit" in wanted:
            self._state = "stopping"
        return wanted

    def logged(self, step: int, metrics: Mapping[str, float], figures: Mapping[str, float]) -> None:
        """A line of the metrics, if it is not empty."""
        self._line = dict(metrics) or self._line
        what = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        for request in self._taken("eval"):
            if what:
                request.reply(Answer(text=f"at step {step}: {what}", facts={"step": step, **figures}))
            else:
                text = "nothing is measured on held-out rows in this run (text_gain is, with --text-gain-every)"
                request.reply(Answer(text=text, ok=False))

    def saved(self, step: int, checkpoint: Path) -> None:
        """A checkpoint stands."""
        self._saved, facts = str(checkpoint), {"step": step, "checkpoint": str(checkpoint)}
        for request in self._taken("save"):
            request.reply(Answer(text=f"saved {checkpoint}", facts=facts))
        for request in self._taken("quit"):
            on = f"go on with: valle train --config {self._run / 'config.yaml'} --resume"
            request.reply(Answer(text=f"saved {checkpoint}; {on}", facts=facts))
        self._exports += [begin(checkpoint, request.reply) for request in self._taken("export")]

    def status(self) -> Answer:
        """How far the run is."""
        done, took = self._step - self._begun, time.monotonic() - self._since
        left = took / done * (self._steps - self._step) if done else None
        numbers = {name: self._line[name] for name in ("loss", "lr", "tokens_per_second") if name in self._line}
        facts = {
            "run": str(self._run), "state": self._state, "process": os.getpid(), "step": self._step,
            "steps": self._steps, "seconds": round(took, 1), "seconds_left": left and round(left, 1),
            "checkpoint": self._saved, **numbers,
        }  # fmt: skip
        parts = [
            f"{self._state}, step {self._step} of {self._steps}",
            *(f"{name.replace('_per_second', '/s')} {value:.4g}" for name, value in numbers.items()),
            *([f"{_span(left)} left"] if left else []),
            *([f"saved {Path(self._saved).name}"] if self._saved else []),
        ]
        return Answer(text=" · ".join(parts), facts=facts)

    def end(self, text: str, *, wait: bool) -> None:
        """Nothing is obeyed any more; exports are waited for if `wait`."""
        self._state = "over"
        while not self._asked.empty():
            self._waiting.append(self._asked.get())
        for request in self._waiting:
            request.reply(Answer(text=text, ok=False))
        self._waiting = []
        for thread in self._exports if wait else ():
            thread.join(PATIENCE)

    def _taken(self, word: str) -> list[Request]:
        found = [request for request in self._waiting if request.word == word]
        self._waiting = [request for request in self._waiting if request.word != word]
        return found


def _span(seconds: float) -> str:
    minutes = int(seconds) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {int(seconds) % 60} s"
