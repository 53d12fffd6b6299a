"""Attention by the definition of the mask, for every mask form: what a backbone under test is built with."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.plugin import UserError
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
        check_fit(q, k, v, mask)
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        seen = rule(mask, q.shape[2], k.shape[2])[:, None]  # [B, 1, Tq, Tk]
        (q, odd_q), (k, odd_k), (v, odd_v) = map(finite, (q, k, v))
        dtype = torch.float32 if q.dtype in (torch.float16, torch.bfloat16) else q.dtype
        scores = q.to(dtype) @ k.to(dtype).mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)  # autocast may have halved them
        out = (weights @ v.to(dtype)).to(q.dtype)
        # What is not finite is left out of the products and marks those that see it: 0 · NaN never arises.
        spoilt = odd_q | (seen & (odd_k | odd_v).mT).any(-1, keepdim=True)
        return out.masked_fill(spoilt, torch.nan).masked_fill(~seen.any(-1, keepdim=True), 0.0)


def finite(x: Float[Tensor, "B H T Dh"]) -> tuple[Float[Tensor, "B H T Dh"], Bool[Tensor, "B H T 1"]]:
    """With zeros for what is not finite, and where that was."""
    odd = ~x.isfinite()
    return x.masked_fill(odd, 0.0), odd.any(-1, keepdim=True)


def check_fit(q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask) -> None:
    """Raises `UserError` for what does not fit together; reads no values."""
    if not q.ndim == k.ndim == v.ndim == 4:
        raise UserError(f"attention: q, k and v must have 4 dimensions, got {q.ndim}, {k.ndim} and {v.ndim}")
    if k.shape[:3] != v.shape[:3] or k.shape[0] != q.shape[0] or k.shape[3] != q.shape[3]:
        shapes = " and ".join(str(list(x.shape)) for x in (q, k, v))
        raise UserError(f"attention: q [B, H, Tq, Dh], k and v [B, Hk, Tk, Dh] do not fit: {shapes}")
    if not k.shape[1] or q.shape[1] % k.shape[1]:
        raise UserError(f"attention: {k.shape[1]} key heads do not divide {q.shape[1]} query heads")
    if not q.dtype == k.dtype == v.dtype:
        raise UserError(f"attention: q, k and v must have one dtype, got {q.dtype}, {k.dtype} and {v.dtype}")
    rows = 1 if isinstance(mask, PackedMask) else mask.lengths.shape[0]
    if rows != q.shape[0]:
        raise UserError(f"attention: a mask of {rows} rows for q of {q.shape[0]}")
    if isinstance(mask, SequenceMask) and mask.window is not None and mask.window < 1:
        raise UserError(f"attention: window must be at least 1, got {mask.window}")


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
