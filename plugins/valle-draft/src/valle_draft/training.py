"""What drafts share: rows of a batch, losses at level 0 of other states than the last layer's, and what is refused."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.plugin import UserError


class Level0:
    """The positions of a batch that answer level 0, and what is right there.

    Attributes:
        positions: [K] in the flattened states, ascending; none where the batch has no level 0.
        targets: [K] codes, or the stop token.
        share: what a mean over these positions is multiplied by, to be one over all predicted positions.
    """

    def __init__(self, model: Any, batch: Any, advances: Any) -> None:
        self._model, self._advances = model, advances
        found = batch.predicted.get(0)
        whole = sum(one.positions.numel() for one in batch.predicted.values())
        self.positions: Int[Tensor, "K"] = batch.positions.new_zeros(0) if found is None else found.positions
        self.targets = None if found is None else found.targets
        self.share = len(self.positions) / max(whole, 1)
        self._weight, self._bias = model.heads.matrix(0, model.embedding)

    def states(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "K D"]:
        """Finished states that answer level 0."""
        return self._model.backbone.finish(h.flatten(0, 1)[self.positions])

    def logits(self, states: Float[Tensor, "N D"], *, frozen: bool = False) -> Float[Tensor, "N V"]:
        """By the model's own head, which learns nothing from them where `frozen`."""
        weight, bias = (one.detach() if frozen else one for one in (self._weight, self._bias))
        return F.linear(states, weight, bias).float()

    def advance(self, states: Float[Tensor, "N D"], at: Int[Tensor, "N"] | Bool[Tensor, "K"]) -> Tensor:
        """The alignment's losses of states that stand for those positions, summed; 0 without an alignment."""
        model = self._model
        if model.alignment is None or self._advances is None or not len(states):
            return states.new_zeros((), dtype=torch.float32)
        return sum(model.alignment.losses(states, self._advances[at]).values(), torch.zeros((), device=states.device))


def rows_of(batch: Any) -> Int[Tensor, "N"]:
    """The row of each position of a flattened batch, padded or end to end."""
    if batch.packed:
        return batch.packed.places // batch.packed.width
    B, T = batch.positions.shape
    return torch.arange(B, device=batch.positions.device).repeat_interleave(T)


def refuse_without_level0(model: Any) -> None:
    """Raises `UserError` for a model that says no level 0 frame by frame."""
    if model.parts == "nar" or model.masked == 1:
        what = "--model.parts nar" if model.parts == "nar" else "--model.masked 1"
        raise UserError(
            f"drafts are of a level 0 that is decoded frame by frame, which {what} leaves out; leave --draft out"
        )


def without_effect(options: Any, searching: bool) -> str:
    """See `Draft.notice`, of drafts that are checked."""
    if not options.drafts or options.unchecked or not (searching or options.max_context):
        return ""
    what = "a sampler that looks for whole answers" if searching else "--max-context"
    return f"--drafts has no effect with {what}: one frame is decoded a step"
