"""The schedule `one-cycle`: up to the peak and down to almost nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from valle_core.plugin import PluginSpec, UserError
from valle_optimizers.contracts import Schedule

SPEC = PluginSpec(
    kind="schedule",
    name="one-cycle",
    api=1,
    summary="One cycle: half a cosine up to the peak, another down to almost nothing",
    factory="valle_optimizers.schedules.one_cycle:build",
    options="valle_optimizers.schedules.one_cycle:OneCycleOptions",
    paper="arXiv 1708.07120",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OneCycleOptions:
    """Options of `--schedule one-cycle`.

    Attributes:
        rise: fraction of the steps in which the rate rises, in (0, 1); at least the warm-up.
        start: share of the peak rate at the first step, in [0, 1].
        end: share of the peak rate at the last step, in [0, 1].
    """

    rise: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        if not 0 < self.rise < 1:
            raise UserError(f"rise must be in (0, 1), got {self.rise}")
        for name in ("start", "end"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} must be in [0, 1], got {getattr(self, name)}")


def build(options: OneCycleOptions) -> Schedule:
    """As `torch.optim.lr_scheduler.OneCycleLR` with its cosine has it, but that it has no momentum to cycle."""

    def share(step: int, steps: int, warmup: int) -> float:
        top = max(float(warmup), options.rise * steps - 1)
        if step <= top:
            return _between(options.start, 1.0, step / top if top > 0 else 1.0)
        return _between(1.0, options.end, min(1.0, (step - top) / max(steps - 1 - top, 1e-9)))

    return share


def _between(begin: float, end: float, done: float) -> float:
    """Along half a cosine."""
    return end + (begin - end) * 0.5 * (1 + math.cos(math.pi * done))
