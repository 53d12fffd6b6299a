"""The reference: softmax over a dense score matrix, every mask form, nothing clever."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_attention_sdpa.inputs import finite
from valle_attention_sdpa.options import KernelOptions
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_inputs


def build(options: KernelOptions) -> EagerKernel:
    """Factory of `eager` and `default`."""
    return EagerKernel()


class EagerKernel:
    """Attention written as its formula; the other kernels are compared with it.

    Attributes:
        dense: it scores every key for every query, those of other segments too.
    """

    dense = True

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """Scores and softmax in float32 whatever the inputs are; the weights return to their dtype."""
        check_inputs("eager", q, k, v, mask)
        B, H, Tq, Dh = q.shape
        Hk, Tk = k.shape[1], k.shape[2]
        visible = _packed(mask, Tq) if isinstance(mask, PackedMask) else _rows(mask, Tq, Tk)  # [B, Tq, Tk]
        (q, odd_q), (k, odd_k), (v, odd_v) = map(finite, (q, k, v))
        with torch.autocast(q.device.type, enabled=False):  # float32 here means float32
            grouped = q.reshape(B, Hk, H // Hk, Tq, Dh).float()
            scores = torch.einsum("bkgtd,bksd->bkgts", grouped, k.float()) * (Dh**-0.5 if scale is None else scale)
            # The finite minimum, not −inf: a query that sees nothing gets uniform weights, zeros below, never NaN.
            scores = scores.masked_fill(~visible[:, None, None], torch.finfo(scores.dtype).min)
            weights = scores.softmax(dim=-1).to(v.dtype)
            out = torch.einsum("bkgts,bksd->bkgtd", weights, v).reshape(B, H, Tq, Dh)
        spoilt = odd_q | (visible & (odd_k | odd_v)[:, None]).any(-1)  # [B, Tq] those that see what is not finite
        out = out.masked_fill(spoilt[:, None, :, None], torch.nan)
        return out.masked_fill(~visible.any(-1)[:, None, :, None], 0.0)


def _rows(mask: SequenceMask, Tq: int, Tk: int) -> Bool[Tensor, "B Tq Tk"]:
    """The rule of `SequenceMask`, word for word."""
    device = mask.lengths.device
    p = (mask.query_start[:, None] + torch.arange(Tq, device=device))[:, :, None]  # [B, Tq, 1]
    j = torch.arange(Tk, device=device)[None, None]  # [1, 1, Tk]
    seen = j <= p if mask.tree is None else _ancestors(mask.tree, mask.query_start, Tk)
    if mask.window is not None:
        seen = seen & (p - j < mask.window)
    lengths = mask.lengths[:, None, None]
    return (j < lengths) & (p < lengths) & ((j < mask.prefix[:, None, None]) | seen)


def _ancestors(tree: Int[Tensor, "B Tq"], start: Int[Tensor, "B"], Tk: int) -> Bool[Tensor, "B Tq Tk"]:
    """Draft i, at key start + i, sees what is before `start`, itself, its parent, the parent's parent, … (−1 ends)."""
    B, Tq = tree.shape
    line = torch.zeros(B, Tq, Tq + 1, dtype=torch.bool, device=tree.device)  # the last column takes the −1s
    node = torch.arange(Tq, device=tree.device).expand(B, Tq)
    for _ in range(Tq):
        line.scatter_(2, node.remainder(Tq + 1)[:, :, None], True)
        node = torch.where(node < 0, node, tree.gather(1, node.clamp(min=0)))
    draft = torch.arange(Tk, device=tree.device) - start[:, None]  # [B, Tk] index among the drafts
    inside = (draft >= 0) & (draft < Tq)
    picked = line.gather(2, draft.clamp(0, Tq - 1)[:, None].expand(B, Tq, Tk))
    return torch.where(inside[:, None], picked, (draft < 0)[:, None])


def _packed(mask: PackedMask, N: int) -> Bool[Tensor, "1 N N"]:
    """Keys of the own segment that lie before the query or in the segment's prefix."""
    position = torch.arange(N, device=mask.offsets.device)
    segment = torch.searchsorted(mask.offsets, position, right=True) - 1  # [N]
    start, prefix = mask.offsets[segment], mask.prefix[segment]
    same = segment[:, None] == segment[None]
    inside = (position < start + prefix)[None] & same
    return (same & (inside | (position[None] <= position[:, None])))[None]
