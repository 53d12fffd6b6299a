"""A mask as FlexAttention reads it: two ranges of keys for each query, and which blocks they fill."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

from valle_core.types import SequenceMask

BLOCK = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranges:
    """What each query sees: keys below `wide`, and those from `low` up to `end`.

    A query at or past its row's length sees key 0, so that its weights are finite; what it gives is cleared.

    Attributes:
        wide, low, end: [B, Tq] int32.
        used: [B, Tq] queries before the lengths.
        seen: [B, Tk] keys that one of these sees.
    """

    wide: Int[Tensor, "B Tq"]
    low: Int[Tensor, "B Tq"]
    end: Int[Tensor, "B Tq"]
    used: Bool[Tensor, "B Tq"]
    seen: Bool[Tensor, "B Tk"]


def ranges_of(mask: SequenceMask, Tq: int, Tk: int) -> Ranges:
    """Reads no values of the mask, so a GPU waits for nothing."""
    device = mask.lengths.device
    p = mask.query_start[:, None] + torch.arange(Tq, device=device)
    lengths, prefix = mask.lengths[:, None], mask.prefix[:, None].expand_as(p)
    used = p < lengths
    low = torch.zeros_like(p) if mask.window is None else (p - mask.window + 1).clamp(min=0)
    end = torch.minimum(p + 1, lengths)
    j = torch.arange(Tk, device=device)
    first = low.masked_fill(~used, Tk).amin(1, keepdim=True) if Tq else j.new_zeros(len(p), 1)
    last = end.masked_fill(~used, 0).amax(1, keepdim=True) if Tq else first
    behind = (j >= first) & (j < last)
    seen = (behind | (j < mask.prefix[:, None])) & used.any(1, keepdim=True)
    wide = prefix.where(used, 1)
    return Ranges(wide=wide.int(), low=low.int(), end=end.where(used, 0).int(), used=used, seen=seen)


def block_mask(ranges: Ranges, Tq: int, Tk: int) -> BlockMask:
    """Blocks that are seen in full need no mask, those that nobody sees are skipped."""
    wide, low, end = ranges.wide[..., None], ranges.low[..., None], ranges.end[..., None]
    begin = torch.arange(0, Tk, BLOCK, device=wide.device)
    stop = (begin + BLOCK).clamp(max=Tk)
    some = (begin < wide) | ((begin < end) & (stop > low))  # [B, Tq, blocks of keys]
    joined = torch.where(low <= wide, torch.maximum(wide, end), wide)
    every = (stop <= joined) | ((begin >= low) & (stop <= end))
    spare = -Tq % BLOCK
    some = torch.nn.functional.pad(some, (0, 0, 0, spare)).unflatten(1, (-1, BLOCK)).any(2)
    every = torch.nn.functional.pad(every, (0, 0, 0, spare), value=True).unflatten(1, (-1, BLOCK)).all(2)
    partial, full = _listed(some & ~every), _listed(every)

    def visible(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return (j < ranges.wide[b, i]) | ((j >= ranges.low[b, i]) & (j < ranges.end[b, i]))

    return BlockMask.from_kv_blocks(*partial, *full, BLOCK_SIZE=BLOCK, mask_mod=visible, seq_lengths=(Tq, Tk))


def _listed(blocks: Bool[Tensor, "B Q K"]) -> tuple[Int[Tensor, "B 1 Q"], Int[Tensor, "B 1 Q K"]]:
    """How many blocks of keys each block of queries has, and which, those first."""
    order = blocks.int().argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(-1, dtype=torch.int32)[:, None], order.int()[:, None]
