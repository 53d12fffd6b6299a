"""The schedule `constant`: the peak rate after the warm-up."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import PluginSpec
from valle_optimizers.contracts import Schedule, rising

SPEC = PluginSpec(
    kind="schedule",
    name="constant",
    api=1,
    summary="The peak rate from the warm-up to the end",
    factory="valle_optimizers.schedules.constant:build",
    options="valle_optimizers.schedules.constant:ConstantOptions",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstantOptions:
    """`--schedule constant` has no options."""


def build(options: ConstantOptions) -> Schedule:
    """Linear warm-up, then 1."""
    return lambda step, steps, warmup: rising(step, warmup)
