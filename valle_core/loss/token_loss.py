"""Cross-entropy over the answered positions, with figures per level and per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.sequence.masking import MASKED
from valle_core.sequence.pack import Answer, PredictedPositions


def token_loss(
    logits: Mapping[Answer, Float[Tensor, "K V"]],
    predicted: Mapping[Answer, PredictedPositions],
    tasks: Sequence[str] = (),
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, "2"]]]:
    """Mean cross-entropy over all answered positions of the batch, each counting the same, and its parts.

    Computed in float32 whatever the dtype of the logits. The parts are sums with the positions they are of: `loss_0` in
    nats, `accuracy_0` in hits, and so on for each level, output and name of `tasks` (`RowBatch.tasks`). Nothing is read
    from the device.
    """
    figures: dict[str, Tensor] = {}
    total = torch.zeros((), device=next(iter(logits.values())).device)
    count = 0
    for level, found in logits.items():
        targets = predicted[level].targets
        assert targets is not None, "training rows carry targets"
        loss = F.cross_entropy(found.float(), targets, reduction="sum")
        total, count = total + loss, count + targets.numel()
        hits = found.argmax(-1) == targets
        _add(figures, "masked" if level == MASKED else level, loss.detach(), hits, torch.ones_like(hits))
        each = F.cross_entropy(found.detach().float(), targets, reduction="none") if tasks else hits
        for place, name in enumerate(tasks):
            mine = predicted[level].tasks == place
            _add(figures, name, each.where(mine, 0).sum(), hits & mine, mine)
    return total / max(count, 1), figures


def _add(
    figures: dict[str, Tensor],
    name: Answer,
    loss: Float[Tensor, ""],
    hits: Bool[Tensor, "K"],
    mine: Bool[Tensor, "K"],
) -> None:
    for key, value in ((f"loss_{name}", loss), (f"accuracy_{name}", hits.sum().float())):
        pair = torch.stack([value, mine.sum().float()])
        figures[key] = figures[key] + pair if key in figures else pair
