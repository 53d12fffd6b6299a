"""Requests that come and go while others are spoken: one step of all of them at a time (continuous batching).

Each request is spoken by itself, by a `Synthesizer` in a thread of its own, with samplers, safeguards and alignment of
its own; only the backbone's step is shared, and gives each row the bits it gets alone. So a request has the same codes
whatever else is spoken. Of all these threads one runs at a time: who goes on is decided here. A row that is alone
checks several drafts in a step of its own; of more rows each goes on by a frame, so that weights are read once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.request import Request, Speech, Timing
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.speaking_row import Row
from valle_kit.together import step_of

ROWS = 16
"""Requests that are spoken at once unless told otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """A row went on.

    Attributes:
        ticket: of the request.
        tokens: [F] its level-0 codes so far.
        row: that went on, for who streams it.
    """

    ticket: int
    tokens: Int[Tensor, "F"]
    row: Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A row has ended: its level 0 is done, or it failed.

    Attributes:
        ticket: of the request.
        finish: the levels above and the sound; may be called once, in any thread. Raises `error` where there is one.
        row: that ended. Who has streamed it calls `leave` of it instead of `finish`.
        error: what went wrong.
    """

    ticket: int
    finish: Callable[[], Speech]
    row: Row
    error: Exception | None = None


class Engine:
    """Speaks requests together. `submit` and `cancel` may be called from any thread, `step` from one at a time."""

    def __init__(self, synthesizer: Synthesizer, *, rows: int = ROWS) -> None:
        """`rows`: requests that are spoken at once; others wait in the order in which they came."""
        if not 1 <= rows <= 1024:
            raise UserError(f"rows must be in [1, 1024], got {rows}")
        self.synthesizer, self.rows = synthesizer, rows
        self._step = step_of(synthesizer.components.ar.backbone)
        self._lock = threading.Lock()
        self._waiting: deque[Row] = deque()
        self._active: list[Row] = []
        self._next = 0

    @property
    def active(self) -> int:
        """Requests that are being spoken."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Requests whose turn has not come."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether a step would do nothing."""
        return not self._active and not self._waiting

    def submit(self, request: Request) -> int:
        """A ticket for the request, whose text is read and whose prompt is encoded here.

        Raises `UserError` for one that cannot be spoken.
        """
        row = Row(self.synthesizer, request)
        row.crowded = lambda: self.active > 1
        with self._lock:
            row.ticket = self._next
            self._next += 1
            self._waiting.append(row)
        return row.ticket

    def cancel(self, ticket: int) -> bool:
        """Forget a request; False where it is not there (any more)."""
        with self._lock:
            found = next((row for row in (*self._active, *self._waiting) if row.ticket == ticket), None)
            if found is None:
                return False
            (self._active if found in self._active else self._waiting).remove(found)
        found.leave()
        return True

    def step(self) -> list[Tokens | Ended]:
        """One token more for every active request; those whose turn it is read their prompts first."""
        with self._lock:
            while self._waiting and len(self._active) < self.rows:
                self._active.append(self._waiting.popleft())
            rows = list(self._active)
        self._advance([row for row in rows if row.cache is not None])
        events: list[Tokens | Ended] = []
        for row in rows:
            row.go_on()
            with self._lock:
                if row not in self._active:  # cancelled meanwhile
                    continue
                if row.ended:
                    self._active.remove(row)
                    events.append(Ended(ticket=row.ticket, finish=row.finish, row=row, error=row.error))
                else:
                    events.append(Tokens(ticket=row.ticket, tokens=row.tokens, row=row))
        return events

    @torch.inference_mode()
    def _advance(self, rows: Sequence[Row]) -> None:
        """The next states of the rows that wait for one."""
        if rows:
            states = self._step(torch.cat([row.x for row in rows]), [row.cache for row in rows])
            for row, state in zip(rows, states.split(1), strict=True):
                row.state = state


def together(synthesizer: Synthesizer, requests: Sequence[Request]) -> list[Speech]:
    """Speech for each request, in order: on a CPU each with the codes it has alone, bit for bit; else as one batch."""
    if synthesizer.device.type != "cpu" or len(requests) < 2:
        return synthesizer(requests)
    engine = Engine(synthesizer, rows=min(len(requests), 64))
    tickets = [engine.submit(request) for request in requests]
    ended: dict[int, Ended] = {}
    start = time.perf_counter()
    try:
        while not engine.idle:
            ended |= {event.ticket: event for event in engine.step() if isinstance(event, Ended)}
        seconds, speeches, timings = time.perf_counter() - start, [], []
        for ticket in tickets:
            speeches.append(ended[ticket].finish())
            timings.append(synthesizer.timing)
    finally:  # one that failed leaves no thread of the others
        for ticket in tickets:
            engine.cancel(ticket)
        for one in ended.values():
            one.row.leave()
    synthesizer.timing = _summed(timings, seconds)
    return speeches


class Together:
    """Says requests as `together` does; for who wants a synthesizer that is called and says its time."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self.synthesizer = synthesizer
        self.timing: Timing | None = None

    @property
    def components(self) -> SynthesisComponents:
        """What the synthesizer is made of."""
        return self.synthesizer.components

    @property
    def sample_rate(self) -> int:
        """Hz of the speech."""
        return self.synthesizer.sample_rate

    def __call__(self, requests: Sequence[Request]) -> list[Speech]:
        """See `together`."""
        speeches = together(self.synthesizer, requests)
        self.timing = self.synthesizer.timing
        return speeches


def _summed(timings: Sequence[Timing | None], autoregressive: float) -> Timing:
    """Of requests that went together for so long."""
    all_of: list[dict[str, Any]] = [asdict(timing) for timing in timings if timing is not None]
    total = {name: sum(one[name] for one in all_of) for name in all_of[0]}
    return Timing(**{**total, "autoregressive": autoregressive})
