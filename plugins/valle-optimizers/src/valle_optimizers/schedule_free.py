"""The optimizer `schedule-free`: AdamW that averages its weights in place of a falling rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, Requirement, UserError

SPEC = PluginSpec(
    kind="optimizer",
    name="schedule-free",
    api=1,
    summary="Schedule-free AdamW: an average of the weights takes the place of a falling rate (schedulefree)",
    factory="valle_optimizers.schedule_free:build",
    options="valle_optimizers.schedule_free:ScheduleFreeOptions",
    requires=(Requirement(module="schedulefree", hint="valle plugins install 'valle-optimizers[schedule-free]'"),),
    paper="arXiv 2405.15682",
    memory="two tensors a parameter",
    expected_failures={"rests_at_a_rate_of_nothing": "its average goes on where the rate has become 0"},
    advisories=("Give --schedule constant with it: the rate needs not fall.",),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleFreeOptions:
    """Options of `--optimizer schedule-free`.

    Attributes:
        betas: share of the average in what gradients are taken of, and decay of the second moment, in [0, 1).
        r: power of the step in the weights of the average; 0 weighs all alike.
    """

    betas: tuple[float, float] = (0.9, 0.95)
    r: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= beta < 1 for beta in self.betas) or not self.betas[0]:
            raise UserError(f"betas must be in (0, 1) and [0, 1), got {list(self.betas)}")
        if not self.r >= 0:
            raise UserError(f"r must be at least 0, got {self.r}")


def build(options: ScheduleFreeOptions, *, groups: list[dict[str, Any]], rate: float) -> Any:
    """The rate of AdamW; a checkpoint's `model.safetensors` holds the average, `current` what is trained on."""
    from schedulefree import AdamWScheduleFree  # pyright: ignore[reportMissingImports]

    from valle_optimizers.told import told

    return told(AdamWScheduleFree(groups, lr=rate, betas=options.betas, r=options.r, foreach=False))
