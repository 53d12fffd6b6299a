"""The schedule `noam`: falls with one over the root of the step."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import PluginSpec
from valle_optimizers.contracts import Schedule, rising

SPEC = PluginSpec(
    kind="schedule",
    name="noam",
    api=1,
    summary="After the warm-up down with 1/√step, as the Transformer was trained; needs no number of steps",
    factory="valle_optimizers.schedules.noam:build",
    options="valle_optimizers.schedules.noam:NoamOptions",
    paper="arXiv 1706.03762",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoamOptions:
    """`--schedule noam` has no options."""


def build(options: NoamOptions) -> Schedule:
    """min(n / warmup, √(warmup / n)) at the n-th step: equation 3 of 1706.03762, as a share of its peak."""

    def share(step: int, steps: int, warmup: int) -> float:
        return rising(step, warmup) if step < warmup else (max(warmup, 1) / (step + 1)) ** 0.5

    return share
