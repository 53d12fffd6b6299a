"""The loss `factors`: what is predicted counts by its level, and the end of speech by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, UserError

SPEC = PluginSpec(
    kind="loss",
    name="factors",
    api=1,
    summary="Factors of the cross-entropies: one for each codec level, one for the token that ends speech",
    factory="valle_losses.factors:build",
    options="valle_losses.factors:FactorOptions",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorOptions:
    """Options of `--loss factors`.

    Attributes:
        levels: factor of each level from 0 on; the last one holds for all that follow.
        stop: factor of the positions at which speech ends, in place of that of level 0.
    """

    levels: tuple[float, ...] = (1.0,)
    stop: float = 1.0

    def __post_init__(self) -> None:
        if not self.levels:
            raise UserError("levels must hold at least 1 factor, got 0")
        for factor in (*self.levels, self.stop):
            if not 0 <= factor < float("inf"):
                raise UserError(f"a factor must be at least 0, got {factor}")

    def of(self, level: int | str) -> float:
        """The factor of a level; a masked level 0 has that of level 0, an answer in writing has 1."""
        return 1.0 if isinstance(level, str) else self.levels[min(max(level, 0), len(self.levels) - 1)]


def build(options: FactorOptions, *, manifest: Any, rules: Any) -> Any:
    """Mean of (factor − 1) · cross-entropy over all predicted positions, each of which goes on counting as one.

    `factors` in the metrics; `loss_0` … stay plain cross-entropies.
    """
    import torch.nn.functional as F

    from valle_losses.contracts import mean, of_levels, with_more

    stop = rules.vocabulary.stop

    def factors(batch: Any, output: Any) -> Any:
        parts = []
        for level, logits, targets in of_levels(batch, output):
            factor = logits.new_full(targets.shape, options.of(level))
            if level == 0:
                factor = factor.masked_fill(targets == stop, options.stop)
            parts.append((factor - 1) * F.cross_entropy(logits, targets, reduction="none"))
        return with_more(output, losses={"factors": mean(parts)})

    return factors
