"""The loss `z-loss`: logits are held near those of a distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, UserError

SPEC = PluginSpec(
    kind="loss",
    name="z-loss",
    api=1,
    summary="The squared logarithm of the softmax's denominator, against logits that drift",
    factory="valle_losses.z_loss:build",
    options="valle_losses.z_loss:ZLossOptions",
    paper="arXiv 2204.02311",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ZLossOptions:
    """Options of `--loss z-loss`.

    Attributes:
        weight: factor of log² Z.
    """

    weight: float = 1e-4

    def __post_init__(self) -> None:
        if not 0 <= self.weight < float("inf"):
            raise UserError(f"weight must be at least 0, got {self.weight}")


def build(options: ZLossOptions, *, manifest: Any, rules: Any) -> Any:
    """weight · mean of (log Σ exp logits)², section 5 of 2204.02311; `z_loss` in the metrics."""
    from valle_losses.contracts import mean, of_levels, with_more

    def z_loss(batch: Any, output: Any) -> Any:
        parts = [logits.logsumexp(-1).square() for _, logits, _ in of_levels(batch, output)]
        return with_more(output, losses={"z_loss": options.weight * mean(parts)})

    return z_loss
