"""How far a run is: by steps, or by wall-clock time without the time it was stopped."""

from __future__ import annotations

import math
import time


class Progress:
    """Counts steps and seconds; `fraction` of the budget drives the learning rate."""

    STOPPED = 4.0
    """A step that took longer than this many seconds counts as stopped: only the usual step time is charged."""

    def __init__(self, *, minutes: float, steps: int) -> None:
        self.budget_seconds, self.budget_steps = minutes * 60, steps
        self.step, self.skipped = 0, 0
        self.seconds = 0.0
        self._usual = 0.1
        self._mark = time.monotonic()

    def start(self) -> None:
        self._mark = time.monotonic()

    def _tick(self) -> None:
        now = time.monotonic()
        passed, self._mark = now - self._mark, now
        if passed > self.STOPPED and self.step > 5:
            passed = self._usual
        else:
            self._usual = 0.95 * self._usual + 0.05 * passed
        self.seconds += passed

    def advance(self, *, skipped: bool) -> None:
        """A step was made, or dropped because its gradient was not finite."""
        self.step += 1
        self.skipped += skipped
        self._tick()

    @property
    def fraction(self) -> float:
        done = self.step / self.budget_steps if self.budget_steps else self.seconds / self.budget_seconds
        return min(done, 1.0)

    @property
    def done(self) -> bool:
        return self.fraction >= 1.0

    def factor(self, warm: int) -> float:
        """Linear warm-up over `warm` steps, then half a cosine to zero at the end of the budget."""
        return min(1.0, (self.step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * self.fraction))

    def facts(self) -> dict[str, float]:
        return {
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "fraction": round(self.fraction, 4),
            "skipped": self.skipped,
        }
