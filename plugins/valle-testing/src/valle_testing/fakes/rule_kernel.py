"""Attention by the definition of the mask, for every mask form: what a backbone under test is built with."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask


class RuleKernel:
    """An `AttentionKernel` that is slow and takes everything; runs in any dtype, on any device, compiled too.

    Attributes:
        capabilities: all words of the kind.
    """

    capabilities = frozenset({"mixed", "prefix", "packed", "window", "tree"})

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """See `AttentionKernel`."""
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        seen = rule(mask, q.shape[2], k.shape[2])[:, None]
        scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
        return (weights @ v).masked_fill(~seen.any(-1, keepdim=True), 0.0)


def rule(mask: SequenceMask | PackedMask, queries: int, keys: int) -> Bool[Tensor, "B Tq Tk"]:
    """Which query sees which key, as `SequenceMask` and `PackedMask` define it."""
    if isinstance(mask, PackedMask):
        return _segments(mask, keys)
    device = mask.lengths.device
    i, j = torch.arange(queries, device=device), torch.arange(keys, device=device)
    lengths, prefix = mask.lengths[:, None, None], mask.prefix[:, None, None]
    p = (mask.query_start[:, None] + i)[..., None]  # [B, Tq, 1]
    ordered = j <= p if mask.tree is None else _line(mask, queries, keys)
    if mask.window is not None:
        ordered = ordered & (p - j < mask.window)
    return (j < lengths) & (p < lengths) & ((j < prefix) | ordered)


def _segments(mask: PackedMask, keys: int) -> Bool[Tensor, "1 N N"]:
    j = torch.arange(keys, device=mask.offsets.device)
    segment = torch.searchsorted(mask.offsets, j, right=True) - 1
    inside = j < mask.offsets[segment] + mask.prefix[segment]
    return ((segment[:, None] == segment) & (inside | (j <= j[:, None])))[None]


def _line(mask: SequenceMask, queries: int, keys: int) -> Bool[Tensor, "B Tq Tk"]:
    """Keys before the drafts, each draft itself and its ancestors."""
    assert mask.tree is not None
    parents, device = mask.tree, mask.lengths.device
    own = torch.eye(queries, dtype=torch.bool, device=device).expand(parents.shape[0], -1, -1)
    line, at = own, parents
    for _ in range(queries):
        step = (at[..., None] == torch.arange(queries, device=device)) & (at >= 0)[..., None]
        line = line | step
        at = torch.where(at >= 0, parents.gather(1, at.clamp(min=0)), at)
    j = torch.arange(keys, device=device)
    place = (j - mask.query_start[:, None])[:, None].expand(-1, queries, -1)  # [B, Tq, Tk]
    among = (place >= 0) & (place < queries)
    return (place < 0) | (among & line.gather(2, place.clamp(0, queries - 1)))
