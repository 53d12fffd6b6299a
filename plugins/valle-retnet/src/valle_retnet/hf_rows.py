"""What transformers knows about the rows of a batch, as the core's masks, and its cache's names over ours."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask
from valle_retnet.cache import RetNetCache
from valle_retnet.options import RetNetSizes

NO_BOUND = sys.maxsize
"""Capacity of a cache without a longest row: its size does not depend on it."""


class RetNetState(RetNetCache):
    """The recurrent state under the names transformers' `generate` uses (beam search included)."""

    is_compileable = False

    def __init__(
        self,
        sizes: RetNetSizes,
        batch: int,
        dtype: torch.dtype,
        device: torch.device,
        max_length: int | None = None,
    ) -> None:
        bound = sizes.max_length if max_length is None else max_length
        super().__init__(sizes, batch, NO_BOUND if bound is None else bound, dtype, device)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Positions of the longest row, padding of the prompt not counted."""
        return int(self.lengths.max()) if len(self.lengths) else 0

    def reorder_cache(self, beam_idx: Int[Tensor, "B"]) -> None:
        """Rows follow their beams."""
        self.select(beam_idx)

    def batch_select_indices(self, indices: Int[Tensor, "R"]) -> None:
        """Keep these rows."""
        self.select(indices)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row this many times."""
        self.select(torch.arange(len(self.lengths), device=self.lengths.device).repeat_interleave(repeats))


@dataclass(frozen=True, kw_only=True, slots=True)
class Aligned:
    """Rows moved to the left edge, and where they came from.

    Attributes:
        mask: of the moved rows.
        shift: [B, 1] padding that stood before each row, or None where nothing moved.
    """

    mask: SequenceMask | PackedMask
    shift: Int[Tensor, "B 1"] | None

    def moved(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Rows from the left edge on."""
        return x if self.shift is None else self._take(x, self.shift)

    def back(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Rows where they were; what stands before them is zero."""
        if self.shift is None:
            return h
        before = torch.arange(h.shape[1], device=h.device) < self.shift
        return self._take(h, -self.shift).masked_fill(before[..., None], 0.0)

    @staticmethod
    def _take(x: Tensor, by: Tensor) -> Tensor:
        place = (torch.arange(x.shape[1], device=x.device) + by).clamp(0, x.shape[1] - 1)
        return x.gather(1, place[..., None].expand_as(x))


def aligned(
    attention_mask: Int[Tensor, "B K"] | None, batch: int, T: int, device: torch.device, state: RetNetState | None
) -> Aligned:
    """The causal rows of a 2-D attention mask, padded on either side.

    Raises:
        ValueError: a mask of another shape, or with holes.
    """
    start = torch.zeros(batch, dtype=torch.long, device=device) if state is None else state.lengths
    stepping = state is not None and T == 1 and state.extent > 0  # every row goes on: nothing to read
    if attention_mask is None or stepping:
        return Aligned(mask=_causal(start, torch.full_like(start, T), padded=False), shift=None)
    if attention_mask.ndim != 2 or attention_mask.shape[0] != batch or attention_mask.shape[1] < T:
        raise ValueError(f"RetNet takes a 2-D attention_mask [B, T], got {list(attention_mask.shape)}")
    valid = attention_mask[:, -T:].bool()
    new = valid.sum(-1)
    if bool((new == T).all()):
        return Aligned(mask=_causal(start, new, padded=False), shift=None)
    shift = valid.int().argmax(-1, keepdim=True)  # the first valid place
    place = torch.arange(T, device=device)
    if not torch.equal(valid, (place >= shift) & (place < shift + new[:, None])):
        raise ValueError("RetNet takes padding before or behind a row, not holes in it: fix attention_mask")
    return Aligned(mask=_causal(start, new, padded=True), shift=shift if bool(shift.any()) else None)


def _causal(start: Tensor, new: Tensor, *, padded: bool) -> SequenceMask:
    return SequenceMask(
        lengths=start + new, prefix=torch.zeros_like(start), query_start=start, form="causal", padded=padded
    )
