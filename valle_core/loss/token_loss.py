"""Cross-entropy over the answered positions, with figures per level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.sequence.pack import PredictedPositions


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelFigures:
    """Sums over one level's predictions, to be divided by `count` when shown.

    Attributes:
        loss: summed cross-entropy in nats.
        correct: positions whose most likely token is the target.
        count: positions.
    """

    loss: Float[Tensor, ""]
    correct: Int[Tensor, ""]
    count: int


def token_loss(
    logits: Mapping[int, Float[Tensor, "K V"]], predicted: Mapping[int, PredictedPositions]
) -> tuple[Float[Tensor, ""], dict[int, LevelFigures]]:
    """Mean cross-entropy over all answered positions of the batch, each counting the same, and its parts.

    Computed in float32 whatever the dtype of the logits.
    """
    figures: dict[int, LevelFigures] = {}
    total = torch.zeros((), device=next(iter(logits.values())).device)
    count = 0
    for level, found in logits.items():
        targets = predicted[level].targets
        assert targets is not None, "training rows carry targets"
        loss = F.cross_entropy(found.float(), targets, reduction="sum")
        total = total + loss
        count += targets.numel()
        figures[level] = LevelFigures(
            loss=loss.detach(), correct=(found.argmax(-1) == targets).sum(), count=targets.numel()
        )
    return total / max(count, 1), figures
