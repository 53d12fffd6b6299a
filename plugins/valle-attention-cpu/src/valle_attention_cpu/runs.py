"""A mask as runs: each a row or segment with the queries it has and the keys they may see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from valle_attention_cpu import job as at
from valle_attention_cpu.vectors import LANES
from valle_core.types import PackedMask, SequenceMask

Run = tuple[int, int, int, int, int, int, int]
"""Row of the tensors, first query and key there, position of the first query, length, prefix, number of queries."""


def runs_of(mask: SequenceMask | PackedMask, Tq: int, Tk: int) -> list[Run]:
    """The runs that have queries, cut to what the tensors hold: no mask makes compiled code read further."""
    return list(_segments(mask, Tq) if isinstance(mask, PackedMask) else _rows(mask, Tq, Tk))


def table(runs: Sequence[Run], group: int, key_heads: int) -> tuple[np.ndarray, int]:
    """Runs for the compiled functions, with the number of work items before each; and of all work items."""
    lines = np.zeros((len(runs), at.COLUMNS), dtype=np.int64)
    items = 0
    for line, run in zip(lines, runs, strict=True):
        line[: at.BEFORE], line[at.BEFORE] = run, items
        items += key_heads * -(-run[-1] * group // LANES)
    return lines, items


def _rows(mask: SequenceMask, Tq: int, Tk: int) -> Iterator[Run]:
    rows = zip(*map(mask.host.of, (mask.query_start, mask.lengths, mask.prefix)), strict=True)
    for row, (start, length, prefix) in enumerate(rows):
        length = min(length, Tk)
        if 0 <= start < length and Tq:
            yield row, 0, 0, start, length, max(0, min(prefix, length)), min(Tq, length - start)


def _segments(mask: PackedMask, N: int) -> Iterator[Run]:
    for (start, end), prefix in zip(pairwise(mask.host.of(mask.offsets)), mask.host.of(mask.prefix), strict=True):
        end = min(end, N)
        if 0 <= start < end:
            length = end - start
            yield 0, start, start, 0, length, max(0, min(prefix, length)), length
