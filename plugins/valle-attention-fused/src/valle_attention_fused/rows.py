"""What the kernels read of a mask: a few integers for each row, and for packed rows which segment a block is of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask
from valle_kit.last_mask import LastMask


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Arguments of the operators that come from the mask.

    Attributes:
        lengths: bounds of the rows: [B] lengths, or the [S + 1] offsets of packed segments.
        prefix: [B] or [S].
        start: [B] position of the first query; not read for packed segments.
        blocks: [2, n] segment of each block and its place in it, or None where rows are not packed.
        window: width of a sliding window, 0 for none.
    """

    lengths: Int[Tensor, "bounds"]
    prefix: Int[Tensor, "rows"]
    start: Int[Tensor, "rows"]
    blocks: Int[Tensor, "2 n"] | None = None
    window: int = 0


class Reader:
    """Remembers the blocks of the last packed mask: every layer of a backbone brings the same one."""

    def __init__(self) -> None:
        self._last = LastMask()

    def rows(self, mask: SequenceMask | PackedMask, places: int, size: int) -> Rows:
        """What the kernels read, for blocks of `size` among so many places. Reads nothing from the device."""
        if isinstance(mask, SequenceMask):
            lengths, prefix, start = (x.contiguous() for x in (mask.lengths, mask.prefix, mask.query_start))
            return Rows(lengths=lengths, prefix=prefix, start=start, window=mask.window or 0)
        return self._last.of(mask, (places, size), lambda: _packed(mask, places, size))


def _packed(mask: PackedMask, places: int, size: int) -> Rows:
    """At most ⌈N / size⌉ + S blocks: how many there are is not read; those left over lie past their segment's end."""
    segments = mask.prefix.shape[0]
    n = -(-places // size) + segments if segments else 0
    counts = (mask.offsets.diff() + size - 1) // size
    ends = counts.cumsum(0)
    index = torch.arange(n, device=mask.offsets.device)
    segment = torch.searchsorted(ends, index, right=True).clamp(max=max(segments - 1, 0))
    inside = index - (ends - counts)[segment] if segments else index
    blocks = torch.stack([segment, inside]).to(torch.int32)
    offsets, prefix = mask.offsets.contiguous(), mask.prefix.contiguous()
    return Rows(lengths=offsets, prefix=prefix, start=prefix, blocks=blocks)
