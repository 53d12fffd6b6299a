"""The schedule `linear`: a straight line from the peak to nothing, as VALL-E was trained."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import PluginSpec, UserError
from valle_optimizers.contracts import Schedule, rising

SPEC = PluginSpec(
    kind="schedule",
    name="linear",
    api=1,
    summary="After the warm-up a straight line down, as VALL-E was trained",
    factory="valle_optimizers.schedules.linear:build",
    options="valle_optimizers.schedules.linear:LinearOptions",
    paper="arXiv 2301.02111",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearOptions:
    """Options of `--schedule linear`.

    Attributes:
        end: share of the peak rate at the last step, in [0, 1].
    """

    end: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.end <= 1:
            raise UserError(f"end must be in [0, 1], got {self.end}")


def build(options: LinearOptions) -> Schedule:
    """Linear warm-up, then linearly to `end` (2301.02111, section 5.1)."""

    def share(step: int, steps: int, warmup: int) -> float:
        if step < warmup:
            return rising(step, warmup)
        done = min(1.0, (step - warmup) / max(steps - warmup, 1))
        return 1 + (options.end - 1) * done

    return share
