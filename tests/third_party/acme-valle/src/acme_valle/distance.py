"""What a mask means for retention: how far each key is from each query, and which it sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask


@dataclass(frozen=True, kw_only=True, slots=True)
class Distances:
    """Queries and keys are the T new positions of each row.

    Attributes:
        valid: [B, T] positions before the row's length.
        apart: [B, T, T] positions between query and key, ≥ 0.
        seen: [B, T, T] whether the query sees the key.
        age: [B, T] positions from each key to the last valid one of its row.
        since: [B, T] positions from the last cached one to each query, ≥ 1.
        new: [B] valid positions.
    """

    valid: Bool[Tensor, "B T"]
    apart: Int[Tensor, "B T T"]
    seen: Bool[Tensor, "B T T"]
    age: Int[Tensor, "B T"]
    since: Int[Tensor, "B T"]
    new: Int[Tensor, "B"]


def distances(mask: SequenceMask | PackedMask, T: int) -> Distances:
    """Raises `UserError` for prefix rows, windows and trees, which this backbone does not declare."""
    if isinstance(mask, PackedMask):
        lengths = mask.offsets.diff()
        place = torch.arange(T, device=lengths.device)
        segment = torch.searchsorted(mask.offsets, place, right=True) - 1
        full = (mask.prefix == lengths)[segment]
        valid = torch.ones(1, T, dtype=torch.bool, device=lengths.device)
        together = (segment[:, None] == segment)[None]
        new = lengths.new_tensor([T])
    else:
        if mask.window is not None or mask.tree is not None:
            raise UserError("arch 'acme-retention' takes neither windows nor trees of drafts")
        lengths = mask.lengths
        place = torch.arange(T, device=lengths.device)
        new = (lengths - mask.query_start).clamp(0, T)
        valid = place < new[:, None]
        full = (mask.prefix == lengths)[:, None]
        together = valid[:, None, :] & valid[:, :, None]
    if (not isinstance(mask, SequenceMask) or mask.form == "mixed") and bool(
        ((mask.prefix != 0) & (mask.prefix != lengths)).any()
    ):
        raise UserError("arch 'acme-retention' takes causal and full rows, no prefix rows")
    ahead = place[:, None] - place  # query − key
    return Distances(
        valid=valid,
        apart=ahead.abs().expand(valid.shape[0], T, T),
        seen=together & ((ahead >= 0) | full[..., None]),
        age=(new[:, None] - 1 - place).clamp(min=0),
        since=(place + 1).expand(valid.shape[0], T),
        new=new,
    )


def decay(rate: Float[Tensor, "H"], steps: Int[Tensor, "..."]) -> Float[Tensor, "H ..."]:
    """γ ^ steps with log γ = `rate`, one for each head."""
    return (rate.view(-1, *[1] * steps.ndim) * steps).exp()
