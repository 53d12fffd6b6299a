"""Softmax attention as its formula, a block of queries at a time."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask

from acme_package.options import AcmeNameOptions


def build(options: AcmeNameOptions) -> AcmeNameAttention:
    """Factory of the entry point."""
    return AcmeNameAttention(options)


class AcmeNameAttention:
    """See `valle_core.interfaces.AttentionKernel`. Scores and weights are float32; the result is as the inputs are."""

    def __init__(self, options: AcmeNameOptions) -> None:
        self._block = options.block

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        rows = refuse_undeclared(mask)
        refuse_misfit(q, k, v, rows)
        B, H, Tq, Dh = q.shape
        Hk, Tk = k.shape[1], k.shape[2]
        place = rows.query_start[:, None] + torch.arange(Tq, device=q.device)  # [B, Tq]
        seen = visible(rows, place, Tk)
        unseen = ~seen.any(1)[:, None, :, None]  # 0 · NaN is NaN, so what nobody sees is emptied
        q = q.masked_fill(~seen.any(2)[:, None, :, None], 0.0)
        k, v = k.masked_fill(unseen, 0.0), v.masked_fill(unseen, 0.0)
        with torch.autocast(q.device.type, enabled=False):  # float32 here means float32
            grouped = q.float().reshape(B, Hk, H // Hk, Tq, Dh) * (Dh**-0.5 if scale is None else scale)
            keys, values = k.float()[:, :, None], v.float()[:, :, None]  # [B, Hk, 1, Tk, Dh]
            blocks = [
                attend(part, keys, values, some[:, None, None])
                for part, some in zip(grouped.split(self._block, dim=3), seen.split(self._block, dim=1), strict=True)
            ]
        return torch.cat(blocks, dim=3).reshape(B, H, Tq, Dh).to(q.dtype)


def refuse_undeclared(mask: SequenceMask | PackedMask) -> SequenceMask:
    """The mask, of causal or full rows. Raises `UserError` for a form the spec does not declare."""
    if isinstance(mask, PackedMask) or mask.form == "mixed" or mask.window is not None or mask.tree is not None:
        raise UserError("attention 'acme-name' takes causal and full rows only. Try: --attention eager")
    return mask


def refuse_misfit(q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask) -> None:
    """Raises `UserError` for shapes and dtypes that do not fit together; reads no values."""
    shapes = f"q {list(q.shape)}, k {list(k.shape)}, v {list(v.shape)} and a mask of {len(mask.lengths)} rows"
    if q.ndim != 4 or k.ndim != 4 or k.shape != v.shape or q.shape[3] != k.shape[3]:
        raise UserError(f"attention: q must be [B, H, Tq, Dh], k and v [B, Hk, Tk, Dh], got {shapes}")
    if not len(q) == len(k) == len(mask.lengths):
        raise UserError(f"attention: q, k, v and mask must have equally many rows, got {shapes}")
    if not k.shape[1] or q.shape[1] % k.shape[1]:
        raise UserError(f"attention: {k.shape[1]} key heads do not divide {q.shape[1]} query heads")
    if not q.dtype == k.dtype == v.dtype:
        raise UserError(f"attention: q, k and v must have one dtype, got {q.dtype}, {k.dtype} and {v.dtype}")


def visible(mask: SequenceMask, place: Tensor, Tk: int) -> Bool[Tensor, "B Tq Tk"]:
    """The rule of `SequenceMask` for queries at `place` [B, Tq]; those past the length see nothing."""
    key = torch.arange(Tk, device=place.device)
    lengths, place = mask.lengths[:, None, None], place[..., None]
    seen = (key < lengths) & (place < lengths)
    return seen & (key <= place) if mask.form == "causal" else seen


def attend(q: Tensor, k: Tensor, v: Tensor, seen: Bool[Tensor, "B 1 1 Tq Tk"]) -> Float[Tensor, "B Hk G Tq Dh"]:
    """softmax(q kᵀ) v over the keys seen, and zeros where none is.

    The hidden scores get the smallest finite number, not −∞, of which a query that sees nothing would make NaN.
    """
    scores = (q @ k.mT).masked_fill(~seen, torch.finfo(q.dtype).min)
    return (scores.softmax(dim=-1) @ v).masked_fill(~seen.any(-1, keepdim=True), 0.0)
