"""A cosine with warm restarts (Loshchilov & Hutter 2017, arXiv 1608.03983, equation 5), in cycles of equal length."""

from __future__ import annotations

import math
from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameSchedule:
    """Options of `--schedule acme-name`, which are the schedule.

    Attributes:
        cycles: how often the rate falls from its peak, at least 1.
        end: share of the peak rate at the end of each cycle, in [0, 1].
    """

    cycles: int = 4
    end: float = 0.1

    def __post_init__(self) -> None:
        if self.cycles < 1:
            raise UserError(f"schedule.cycles must be at least 1, got {self.cycles}")
        if not 0.0 <= self.end <= 1.0:
            raise UserError(f"schedule.end must be in [0, 1], got {self.end}")

    def __call__(self, step: int, steps: int, warmup: int) -> float:
        """Share of the peak rate: a linear warm-up, then the cycles."""
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) * self.cycles / max(steps - warmup, 1)  # cycles, with the part of the present one
        part = done % 1 if done < self.cycles else 1.0
        return self.end + (1 - self.end) * 0.5 * (1 + math.cos(math.pi * part))


def build(options: AcmeNameSchedule) -> AcmeNameSchedule:
    """Factory of the entry point: the options are the schedule."""
    return options
