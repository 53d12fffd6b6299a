"""How the positions of an input lie in rows: found out once per forward, for all layers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask

Chosen = slice | Tensor
"""Rows of a batch; a slice where they are neighbours, so that nothing is copied."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoWay:
    """The rows that are also read backwards, and how far.

    Attributes:
        rows: which, R of them.
        width: positions that are looked at, at least the longest front.
        front: [R] new positions of each row that are read both ways.
        inside: [R, width, 1] positions within the front, or None where every valid one is.
    """

    rows: Chosen
    width: int
    front: Int[Tensor, "R"]
    inside: Bool[Tensor, "R width 1"] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """The new positions of a batch, as rows of `width` places.

    Attributes:
        start: [B] positions of each row before these, or None where there are none.
        new: [B] valid new positions of each row, or None where every row fills all places.
        width: places of a row.
        two_way: rows to read backwards too, or None.
        packed: [N] place, among B · width, of each packed position; None where the input is rows already.
    """

    start: Int[Tensor, "B"] | None
    new: Int[Tensor, "B"] | None
    width: int
    two_way: TwoWay | None = None
    packed: Int[Tensor, "N"] | None = None

    def spread(self, x: Float[Tensor, "b T W"]) -> Float[Tensor, "B width W"]:
        """The input's positions as rows; places without one are zero."""
        if self.packed is None or self.new is None:
            return x
        B = self.new.shape[0]
        return x.new_zeros(B * self.width, x.shape[2]).index_copy(0, self.packed, x[0]).unflatten(0, (B, self.width))

    def collect(self, rows: Float[Tensor, "B width W"]) -> Float[Tensor, "b T W"]:
        """What `spread` has spread, back as it was."""
        return rows if self.packed is None else rows.flatten(0, 1).index_select(0, self.packed)[None]

    def valid(self) -> Bool[Tensor, "B width"] | None:
        """True at valid positions of unpacked rows; None where all are."""
        if self.new is None or self.packed is not None:
            return None
        return torch.arange(self.width, device=self.new.device) < self.new[:, None]


def rows_of(mask: SequenceMask | PackedMask, T: int, *, cached: bool, both_ways: bool) -> Rows:
    """The rows of a mask over T places.

    Reads the device for mixed promises and packed segments only; under `torch.compile` mixed rows are not read
    but all run both ways.

    Args:
        cached: whether rows may have begun before these positions.
        both_ways: whether full rows and prefixes are read backwards too.
    """
    if isinstance(mask, PackedMask):
        return _segments(mask, both_ways)
    start = mask.query_start if cached else None
    new = None
    if mask.padded:
        new = (mask.lengths if start is None else mask.lengths - start).clamp(0, T)
    two_way = None
    if both_ways and mask.form != "causal":
        two_way = _two_way(mask, start, new, T)
    return Rows(start=start, new=new, width=T, two_way=two_way)


def _two_way(mask: SequenceMask, start: Tensor | None, new: Tensor | None, T: int) -> TwoWay | None:
    count = new if new is not None else torch.full_like(mask.lengths, T)
    if mask.form == "full":
        return TwoWay(rows=slice(None), width=T, front=count, inside=None)
    front = torch.minimum((mask.prefix if start is None else mask.prefix - start).clamp(min=0), count)
    if torch.compiler.is_compiling():
        return TwoWay(rows=slice(None), width=T, front=front, inside=_inside(front, T))
    return _read(front, count)


def _read(front: Int[Tensor, "B"], count: Int[Tensor, "B"]) -> TwoWay | None:
    """The rows whose front is not empty."""
    fronts, counts = torch.stack((front, count)).tolist()
    rows = [row for row, n in enumerate(fronts) if n > 0]
    if not rows:
        return None
    neighbours = rows[-1] - rows[0] + 1 == len(rows)
    chosen = slice(rows[0], rows[-1] + 1) if neighbours else torch.tensor(rows, device=front.device)
    width = max(fronts)
    whole = all(fronts[row] == counts[row] for row in rows)
    picked = front[chosen]
    return TwoWay(rows=chosen, width=width, front=picked, inside=None if whole else _inside(picked, width))


def _inside(front: Int[Tensor, "R"], width: int) -> Bool[Tensor, "R width 1"]:
    return (torch.arange(width, device=front.device) < front[:, None])[..., None]


def _segments(mask: PackedMask, both_ways: bool) -> Rows:
    sizes = mask.offsets.diff()
    width = max(1, *sizes.tolist()) if len(sizes) else 1
    place = torch.arange(width, device=sizes.device)
    packed = (torch.arange(len(sizes), device=sizes.device)[:, None] * width + place)[place < sizes[:, None]]
    two_way = _read(torch.minimum(mask.prefix, sizes), sizes) if both_ways else None
    return Rows(start=None, new=sizes, width=width, two_way=two_way, packed=packed)
