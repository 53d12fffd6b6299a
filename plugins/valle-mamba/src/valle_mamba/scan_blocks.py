"""How the selective scan is cut: rows into groups, time into blocks, blocks into chunks scanned side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

LONGEST_CHUNK = 16
"""Steps of the loop inside a block; measured best of 8, 16, 32 on two cores at T = 1024, d = 1024, N = 16."""

AT_ONCE = 2**17
"""Numbers that one step of that loop works on: half a megabyte stays in a core's cache."""

AT_ONCE_ELSEWHERE = 2**24
"""The same where every operation is a launch: few large ones. A block holds L times as many, a gigabyte."""

FEWEST_CHUNKS = 8
"""Side by side in a block, if the rows are that long; so the steps in Python are T / 8 at most, for a group of rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """A cutting of B rows of T positions with N · d numbers each.

    Attributes:
        length: L, positions of a chunk.
        chunks: chunks of a whole row, the last one padded.
        rows: rows of a group.
        side_by_side: chunks of a block.
    """

    length: int
    chunks: int
    rows: int
    side_by_side: int

    @classmethod
    def of(cls, B: int, T: int, numbers: int, device: str = "cpu") -> Blocks:
        at_once = AT_ONCE if device == "cpu" else AT_ONCE_ELSEWHERE
        length = max(1, min(LONGEST_CHUNK, math.isqrt(max(T - 1, 0)) + 1))
        chunks = -(-T // length)
        rows = max(1, min(B, at_once // (numbers * min(FEWEST_CHUNKS, max(chunks, 1)))))
        side_by_side = max(FEWEST_CHUNKS, at_once // (numbers * rows))
        return cls(length=length, chunks=chunks, rows=rows, side_by_side=side_by_side)

    def groups(self, B: int) -> Iterator[slice]:
        """Rows that are worked on together."""
        for first in range(0, B, self.rows):
            yield slice(first, min(B, first + self.rows))

    def blocks(self) -> list[slice]:
        """Chunks that are worked on together, in order of time."""
        return [
            slice(first, min(self.chunks, first + self.side_by_side))
            for first in range(0, self.chunks, self.side_by_side)
        ]

    def cut(self, x: Float[Tensor, "B T W"], rows: slice, chunks: slice, fill: float = 0.0) -> Float[Tensor, "R c L W"]:
        """A block of x; `fill` behind the end."""
        piece = x[rows, chunks.start * self.length : chunks.stop * self.length]
        short = (chunks.stop - chunks.start) * self.length - piece.shape[1]
        piece = F.pad(piece, (0, 0, 0, short), value=fill) if short else piece
        return piece.unflatten(1, (-1, self.length))


def decays(
    dt: Float[Tensor, "R c L d"], A: Float[Tensor, "N d"], keep: Float[Tensor, "R c L 1"] | None, out: Tensor
) -> Float[Tensor, "R c L N d"]:
    """exp(Δ A), the share of the state that stays, written into `out`; zero where `keep` is."""
    a = out[: dt.shape[0], : dt.shape[1]]
    torch.mul(dt.unsqueeze(-2), A, out=a).exp_()
    return a if keep is None else a.mul_(keep.unsqueeze(-1))


def chunk_decays(
    dt: Float[Tensor, "R c L d"], A: Float[Tensor, "N d"], keep: Float[Tensor, "R c L 1"] | None
) -> Float[Tensor, "R c N d"]:
    """The product of a chunk's decays. Its exponent is never positive, so nothing overflows."""
    whole = torch.exp(dt.sum(2).unsqueeze(-2) * A)
    return whole if keep is None else whole * keep.amin(2).unsqueeze(-1)
