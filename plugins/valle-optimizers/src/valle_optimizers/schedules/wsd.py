"""The schedule `wsd`: warm-up, stable, decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from valle_core.plugin import PluginSpec, UserError
from valle_optimizers.contracts import Schedule, rising

SPEC = PluginSpec(
    kind="schedule",
    name="wsd",
    api=1,
    summary="Warm-up, stable, decay: the peak rate for most of the run, then down to nothing",
    factory="valle_optimizers.schedules.wsd:build",
    options="valle_optimizers.schedules.wsd:WsdOptions",
    paper="arXiv 2404.06395, 2405.18392",
)

Form = Literal["sqrt", "linear", "cosine"]
_FORMS: Mapping[str, Any] = {
    "sqrt": lambda done: 1 - math.sqrt(done),
    "linear": lambda done: 1 - done,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WsdOptions:
    """Options of `--schedule wsd`.

    Attributes:
        decay: fraction of the steps in which the rate falls, the last ones, in [0, 1].
        form: shape of the decay: sqrt (1 − √ of the part of the decay that is over), linear or cosine.
        end: share of the peak rate at the last step, in [0, 1].
    """

    decay: float = 0.2
    form: Form = "sqrt"
    end: float = 0.0

    def __post_init__(self) -> None:
        for name in ("decay", "end"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} must be in [0, 1], got {getattr(self, name)}")


def build(options: WsdOptions) -> Schedule:
    """Linear warm-up, 1 until the decay begins, then 1 − √ (2405.18392, section 4) or another form."""

    def share(step: int, steps: int, warmup: int) -> float:
        begin = max(warmup, round((1 - options.decay) * steps))
        if step < begin or steps <= begin:
            return rising(step, warmup)
        falling = _FORMS[options.form](min(1.0, (step - begin) / (steps - begin)))
        return options.end + (1 - options.end) * falling

    return share
