"""Another pace than the model's: which frames of an answer stay, so that it lasts as long as asked for.

A bias on the odds of going on does not do it: a phoneme that nearly always lasts three frames still does at other odds
(asked for 1.25 times, speech was 1.07 times as fast), and a model that is told other dwells looks at the codes it has
said. So frames are left out, or said again, before the other levels are asked for: most of them in long units.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

SHORT = 2
"""Frames of a unit that change last: fast speech shortens vowels and pauses, and consonants hardly."""


BLOCK = 25
"""Frames after which what stays is settled, so that the beginning of an answer can leave while the rest is made."""


def blocks(edges: Sequence[int]) -> list[list[int]]:
    """The edges in groups of units of at least `BLOCK` frames each but for the last; each begins where one ends."""
    found = [[edges[0]]]
    for edge in edges[1:]:
        found[-1].append(edge)
        if edge - found[-1][0] >= BLOCK and edge < edges[-1]:
            found.append([edge])
    return found


def paced(edges: Sequence[int], speed: float) -> tuple[list[int], list[int]]:
    """The frames that stay, in order and perhaps more than once, and the edges among those.

    The sum is right within half a frame, but for units of a single frame, which keep it. What stays of a block of units
    depends on nothing behind it.

    Args:
        edges: [n + 1] frames at which units begin, rising from 0, and the end.
        speed: of the new pace to the old.
    """
    kept: list[int] = []
    moved, wanted = [0], 0.0
    for block in blocks(edges):
        frames = block[-1] - block[0]
        short = sum(min(end - start, SHORT) for start, end in pairwise(block))
        rest = frames - short
        # How much stays of what is short, and of what is above it.
        below = 1.0 if rest and frames / speed >= short else frames / speed / max(short, 1)
        above = (frames / speed - below * short) / rest if rest else 0.0
        for start, end in pairwise(block):
            wanted += below * min(end - start, SHORT) + above * max(end - start - SHORT, 0)
            count = max(round(wanted) - len(kept), min(end - start, 1))
            kept += [start + int((place + 0.5) * (end - start) / count) for place in range(count)]
            moved.append(len(kept))
    return kept, moved
