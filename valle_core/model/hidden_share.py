"""How much of a masked row is hidden, told to the model: sines of the share behind two layers (as in 2006.11239)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from valle_core.sequence.pack import RowBatch

_FASTEST = 1000.0  # radians from nothing hidden to everything


class HiddenShare(nn.Module):
    """What it adds is zero before it is trained."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(2 * (d_model // 2), d_model), nn.Linear(d_model, d_model)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, share: Float[Tensor, "B"]) -> Float[Tensor, "B D"]:
        """For shares in [0, 1]."""
        count = self.wide.in_features // 2
        rates = _FASTEST ** (torch.arange(count, device=share.device) / max(count - 1, 1))
        angles = share.float()[:, None] * rates
        waves = torch.cat([angles.sin(), angles.cos()], -1).to(self.wide.weight.dtype)
        return self.narrow(F.silu(self.wide(waves)))

    def added(self, batch: RowBatch, hidden: int) -> Float[Tensor, "B T D"]:
        """For the frames of masked rows, zeros elsewhere; `hidden` is the table row of a hidden code."""
        indices, lengths, filled = batch.indices, batch.mask.lengths, batch.filled
        T = batch.packed.width if batch.packed else batch.positions.shape[1]
        places = batch.packed.places if batch.packed else torch.arange(batch.positions.numel(), device=indices.device)
        row, t = places // T, places % T
        frames = (t >= lengths[row] - filled[row]) & (t < lengths[row])
        of = torch.searchsorted(batch.offsets, torch.arange(len(indices), device=indices.device), right=True) - 1
        found = torch.zeros_like(frames).index_put((of,), indices == hidden, accumulate=True) & frames
        share = torch.zeros_like(filled).index_add(0, row, found.long()) / filled.clamp(min=1)
        return (self(share)[row] * frames[:, None]).view(*batch.positions.shape, -1)
