"""Cross-entropy over the answered positions, with figures per level and per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.sequence.pack import Answer, PredictedPositions


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelFigures:
    """Sums over the predictions of a level or a task, to be divided by `count` when shown.

    Attributes:
        loss: summed cross-entropy in nats.
        correct: positions whose most likely token is the target.
        count: positions.
    """

    loss: Float[Tensor, ""]
    correct: Int[Tensor, ""]
    count: int | Int[Tensor, ""]


def token_loss(
    logits: Mapping[Answer, Float[Tensor, "K V"]],
    predicted: Mapping[Answer, PredictedPositions],
    tasks: Sequence[str] = (),
) -> tuple[Float[Tensor, ""], dict[Answer, LevelFigures]]:
    """Mean cross-entropy over all answered positions of the batch, each counting the same, and its parts.

    Computed in float32 whatever the dtype of the logits. With names of `tasks` (`RowBatch.tasks`) each of them has its
    figures, too.
    """
    figures: dict[Answer, LevelFigures] = {}
    total = torch.zeros((), device=next(iter(logits.values())).device)
    count = 0
    for level, found in logits.items():
        targets = predicted[level].targets
        assert targets is not None, "training rows carry targets"
        if tasks:
            _add_tasks(figures, found, predicted[level], tasks)
        loss = F.cross_entropy(found.float(), targets, reduction="sum")
        total = total + loss
        count += targets.numel()
        figures[level] = LevelFigures(
            loss=loss.detach(), correct=(found.argmax(-1) == targets).sum(), count=targets.numel()
        )
    return total / max(count, 1), figures


@torch.no_grad()
def _add_tasks(
    figures: dict[Answer, LevelFigures],
    logits: Float[Tensor, "K V"],
    predicted: PredictedPositions,
    tasks: Sequence[str],
) -> None:
    """Add the figures of each task at one level; reads nothing from the device."""
    targets = predicted.targets
    assert targets is not None, "training rows carry targets"
    loss, correct = F.cross_entropy(logits.float(), targets, reduction="none"), logits.argmax(-1) == targets
    for place, name in enumerate(tasks):
        mine = predicted.tasks == place
        found = LevelFigures(loss=loss.where(mine, 0).sum(), correct=(correct & mine).sum(), count=mine.sum())
        if before := figures.get(name):
            found = LevelFigures(
                loss=before.loss + found.loss, correct=before.correct + found.correct, count=before.count + found.count
            )
        figures[name] = found
