"""The loss `label-smoothing`: a part of the target is spread over all tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, UserError

SPEC = PluginSpec(
    kind="loss",
    name="label-smoothing",
    api=1,
    summary="A part of the target is spread evenly over all tokens of the level",
    factory="valle_losses.label_smoothing:build",
    options="valle_losses.label_smoothing:LabelSmoothingOptions",
    paper="arXiv 1512.00567",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelSmoothingOptions:
    """Options of `--loss label-smoothing`.

    Attributes:
        epsilon: the part, in [0, 1].
    """

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise UserError(f"epsilon must be in [0, 1], got {self.epsilon}")


def build(options: LabelSmoothingOptions, *, manifest: Any, rules: Any) -> Any:
    """ε · (log p(target) − mean of log p), which with the cross-entropy gives that of the smoothed target.

    `label_smoothing` in the metrics; `loss_0` … stay plain cross-entropies.
    """
    from valle_losses.contracts import mean, of_levels, with_more

    def label_smoothing(batch: Any, output: Any) -> Any:
        parts = []
        for _, logits, targets in of_levels(batch, output):
            p = logits.log_softmax(-1)
            parts.append(p.gather(-1, targets[:, None])[:, 0] - p.mean(-1))
        return with_more(output, losses={"label_smoothing": options.epsilon * mean(parts)})

    return label_smoothing
