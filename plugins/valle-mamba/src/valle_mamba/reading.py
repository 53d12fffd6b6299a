"""In which order the rows of a batch are read: forward all of them, backward what a mask lets see the future.

A row whose prefix is not empty is read a second time, from the prefix's last position to the first; a full row is one
whose prefix is all of it. The second reading starts at each row's own end, so padding never enters it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask


@dataclass(frozen=True, kw_only=True, slots=True)
class Backward:
    """The second reading. Places are numbered through the whole batch, row b and position t being b · T + t.

    Attributes:
        take: [R, M] place read at each step.
        segment: [R, M] numbers that change where a packed segment begins, or None.
        put: [K] places that get what the second reading found, or None for all (then R = B and M = T).
        source: [K] step, numbered through `take`, at which each of `put` was read.
    """

    take: Int[Tensor, "R M"]
    segment: Int[Tensor, "R M"] | None
    put: Int[Tensor, "K"] | None
    source: Int[Tensor, "K"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How the rows of one call are read.

    Attributes:
        valid: [B, T], or None where all positions are.
        segment: [B, T] numbers that change where a packed segment begins, or None.
        backward: the second reading, or None where no row has one.
    """

    valid: Bool[Tensor, "B T"] | None
    segment: Int[Tensor, "B T"] | None
    backward: Backward | None


def reading_of(mask: SequenceMask | PackedMask, T: int, *, bidirectional: bool, cached: bool) -> Reading:
    """What `mask` says about T new positions per row.

    Raises:
        UserError: a prefix that goes on after part of it has been read into a cache.
    """
    if isinstance(mask, PackedMask):
        place = torch.arange(T, device=mask.offsets.device)
        segment = torch.searchsorted(mask.offsets, place, right=True) - 1
        backward = _packed(mask, place, segment) if bidirectional and bool((mask.prefix > 0).any()) else None
        return Reading(valid=None, segment=segment[None], backward=backward)
    place = torch.arange(T, device=mask.lengths.device)
    valid = mask.query_start[:, None] + place < mask.lengths[:, None] if mask.padded else None
    backward = None
    if bidirectional and mask.form == "full" and not cached:
        backward = _full(mask, place)
    elif bidirectional and mask.form != "causal":
        backward = _some(mask, place)
    return Reading(valid=valid, segment=None, backward=backward)


def _full(mask: SequenceMask, place: Int[Tensor, "T"]) -> Backward:
    """Every row from its own end; what lies behind it is read last, where it disturbs nothing. No device read."""
    B, T = len(mask.lengths), len(place)
    mirrored = mask.lengths[:, None] - 1 - place
    order = torch.where(mirrored >= 0, mirrored, place)  # its own inverse
    take = order + T * torch.arange(B, device=place.device)[:, None]
    return Backward(take=take, segment=None, put=None, source=take.flatten())


def _some(mask: SequenceMask, place: Int[Tensor, "T"]) -> Backward | None:
    """The rows that have a prefix among the new positions."""
    T = len(place)
    front = torch.minimum(mask.prefix, mask.lengths)
    late = (front > mask.query_start) & (mask.query_start > 0)
    if bool(late.any()):
        raise UserError(
            f"row {int(late.nonzero()[0])} has a prefix that goes on after a part of it was read into the cache; "
            "give positions that see each other in one piece"
        )
    front = torch.where(mask.query_start > 0, 0, front)
    rows = front.nonzero().squeeze(1)
    if not len(rows):
        return None
    front = front[rows]
    place = place[: int(front.max())]
    inside = place < front[:, None]
    order = torch.where(inside, front[:, None] - 1 - place, place)  # its own inverse
    first = torch.arange(len(rows), device=place.device)[:, None] * len(place)
    return Backward(
        take=order + T * rows[:, None],
        segment=None,
        put=(place + T * rows[:, None])[inside],
        source=(order + first)[inside],
    )


def _packed(mask: PackedMask, place: Int[Tensor, "N"], segment: Int[Tensor, "N"]) -> Backward:
    """The prefixes of all segments end to end, each from its last position to its first."""
    start = mask.offsets[segment]
    front = torch.minimum(mask.prefix, mask.offsets.diff())[segment]
    put = (place - start < front).nonzero().squeeze(1)
    take = (2 * start + front - 1 - place)[put]
    source = torch.searchsorted(put, take)  # mirroring twice is staying
    return Backward(take=take[None], segment=segment[put][None], put=put, source=source)
