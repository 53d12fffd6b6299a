"""A mask as runs: each a row or segment with the queries it has and the keys they may see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import Tensor

from valle_attention_cpu.vectors import LANES
from valle_core.types import PackedMask, SequenceMask

Run = tuple[int, int, int, int, int, int, int]
"""Row of the tensors, first query and key there, position of the first query, length, prefix, number of queries."""


def runs_of(mask: SequenceMask | PackedMask, Tq: int, Tk: int) -> list[Run]:
    """The runs that have queries, cut to what the tensors hold: no mask makes compiled code read further."""
    return list(_segments(mask, Tq)) if isinstance(mask, PackedMask) else _rows(mask, Tq, Tk)


def table(runs: Sequence[Run], group: int, key_heads: int) -> tuple[list[int], int]:
    """Runs for the compiled functions, `COLUMNS` each with the work items before it; and how many work items are."""
    lines: list[int] = []
    items = 0
    for run in runs:
        lines += (*run, items)
        items += key_heads * -(-run[-1] * group // LANES)
    return lines, items


def _rows(mask: SequenceMask, Tq: int, Tk: int) -> list[Run]:
    of = mask.host.of if mask.host.known else Tensor.tolist
    runs: list[Run] = []
    rows = zip(of(mask.query_start), of(mask.lengths), of(mask.prefix), strict=True)
    for row, (start, length, prefix) in enumerate(rows):
        end = length if length < Tk else Tk
        if 0 <= start < end and Tq:
            runs.append((row, 0, 0, start, end, max(0, min(prefix, end)), min(Tq, end - start)))
    return runs


def _segments(mask: PackedMask, N: int) -> Iterator[Run]:
    for (start, end), prefix in zip(pairwise(mask.host.of(mask.offsets)), mask.host.of(mask.prefix), strict=True):
        end = min(end, N)
        if 0 <= start < end:
            length = end - start
            yield 0, start, start, 0, length, max(0, min(prefix, length)), length
