"""The loss `top-k`: no loss, but how often the target is among the k most likely tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from valle_core.plugin import PluginSpec, UserError

SPEC = PluginSpec(
    kind="loss",
    name="top-k",
    api=1,
    summary="Adds no loss: how often the target is among the k most likely tokens, in all and by level",
    factory="valle_losses.top_k:build",
    options="valle_losses.top_k:TopKOptions",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TopKOptions:
    """Options of `--loss top-k`.

    Attributes:
        k: number of tokens.
    """

    k: int = 10

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UserError(f"k must be at least 1, got {self.k}")


def build(options: TopKOptions, *, manifest: Any, rules: Any) -> Any:
    """`top10_accuracy`, `top10_accuracy_0` … in the metrics; tokens as likely as the target count for it."""
    import torch

    from valle_core.sequence.masking import MASKED
    from valle_losses.contracts import of_levels, with_more

    name = f"top{options.k}_accuracy"

    @torch.no_grad()
    def top_k(batch: Any, output: Any) -> Any:
        figures = {}
        for level, logits, targets in of_levels(batch, output):
            above = (logits > logits.gather(-1, targets[:, None])).sum(-1)
            hits = (above < options.k).sum().float()
            figures[f"{name}_{'masked' if level == MASKED else level}"] = torch.stack(
                [hits, torch.full_like(hits, targets.numel())]
            )
        return with_more(output, figures={name: torch.stack([*figures.values()]).sum(0), **figures})

    return top_k
