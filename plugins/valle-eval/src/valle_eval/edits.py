"""Least edits that turn one sequence into another, and which places they pair."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

Pair = tuple[int | None, int | None]
"""Places in the expected and in the found sequence; None on one side for what is missing there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edits:
    """How many of each.

    Attributes:
        hits: equal.
        substitutions: found instead of what was expected.
        deletions: expected, not found.
        insertions: found, not expected.
    """

    hits: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """All that is wrong."""
        return self.substitutions + self.deletions + self.insertions


def count_edits(expected: Sequence[Hashable], found: Sequence[Hashable]) -> Edits:
    """The fewest errors (Levenshtein); among equally few, those that rapidfuzz's `editops` and so jiwer count.

    What both begin and end with is set aside. From the end of the rest, a deletion is taken where one is cheapest, else
    an insertion where it is cheaper than to go straight.
    """
    start = _common(expected, found)
    end = _common(expected[start:][::-1], found[start:][::-1])
    expected, found = expected[start : len(expected) - end], found[start : len(found) - end]
    costs = _costs(expected, found)
    i, j = len(expected), len(found)
    hits, substitutions, deletions, insertions = start + end, 0, 0, 0
    while i and j:
        if costs[i, j] - costs[i - 1, j] == 1:
            i, deletions = i - 1, deletions + 1
            continue
        j -= 1
        if j and costs[i, j] - costs[i - 1, j] == -1:
            insertions += 1
            continue
        i -= 1
        hits, substitutions = (hits + 1, substitutions) if expected[i] == found[j] else (hits, substitutions + 1)
    return Edits(hits=hits, substitutions=substitutions, deletions=deletions + i, insertions=insertions + j)


def _common(expected: Sequence[Hashable], found: Sequence[Hashable]) -> int:
    """How many places are equal from the start."""
    for place, (one, other) in enumerate(zip(expected, found, strict=False)):
        if one != other:
            return place
    return min(len(expected), len(found))


def _costs(expected: Sequence[Hashable], found: Sequence[Hashable]) -> Int[np.ndarray, "I J"]:
    """Errors between every two beginnings."""
    names = {name: code for code, name in enumerate(dict.fromkeys([*expected, *found]))}
    numbers = np.array([names[name] for name in found], dtype=np.int64)
    steps = np.arange(len(found) + 1, dtype=np.int64)
    costs = np.empty((len(expected) + 1, len(found) + 1), dtype=np.int64)
    costs[0] = steps
    for place, name in enumerate(expected, 1):
        above = costs[place - 1]
        best = np.concatenate([[place], np.minimum(above[:-1] + (numbers != names[name]), above[1:] + 1)])
        costs[place] = np.minimum.accumulate(best - steps) + steps
    return costs


OPEN, EXTEND, WRONG = 1.0, 0.4, 1.2
"""Costs of a gap's first place, of each further one, and of a substitution: gaps stay in one piece."""


def pair_up(expected: Sequence[Hashable], found: Sequence[Hashable]) -> list[Pair]:
    """The cheapest alignment with affine gaps (Gotoh 1982): what is missing or too many stands in one piece."""
    rows, columns = len(expected), len(found)
    table = np.full((3, rows + 1, columns + 1), np.inf)  # paired, missing, too many
    table[0, 0, 0] = 0
    table[1, 1:, 0] = OPEN + EXTEND * np.arange(rows)
    table[2, 0, 1:] = OPEN + EXTEND * np.arange(columns)
    for i in range(1, rows + 1):
        paired, missing, many = table[0], table[1], table[2]
        for j in range(1, columns + 1):
            cost = 0.0 if expected[i - 1] == found[j - 1] else WRONG
            paired[i, j] = cost + min(paired[i - 1, j - 1], missing[i - 1, j - 1], many[i - 1, j - 1])
            missing[i, j] = min(min(paired[i - 1, j], many[i - 1, j]) + OPEN, missing[i - 1, j] + EXTEND)
            many[i, j] = min(min(paired[i, j - 1], missing[i, j - 1]) + OPEN, many[i, j - 1] + EXTEND)
    return _walk_back(table)


def _walk_back(table: Float[np.ndarray, "3 I J"]) -> list[Pair]:
    i, j = table.shape[1] - 1, table.shape[2] - 1
    kind = int(table[:, i, j].argmin())
    pairs: list[Pair] = []
    while i or j:
        pairs.append((i - 1 if kind != 2 else None, j - 1 if kind != 1 else None))
        i, j = i - (kind != 2), j - (kind != 1)
        before = table[:, i, j] + (0.0 if kind == 0 else np.where(np.arange(3) == kind, EXTEND, OPEN))
        kind = int(before.argmin())
    return pairs[::-1]
