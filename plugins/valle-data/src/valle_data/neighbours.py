"""The nearest neighbours of vectors by cosine, found exactly, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

_CELLS = 1 << 22
"""Similarities held at once."""

_PLACES = 1_000_000  # cosines are compared to six decimals, so that rounding in a matrix product decides nothing


def normalised(vectors: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
    """Each dimension with mean 0 and standard deviation 1 over the vectors, then each vector of length 1.

    A dimension that never changes becomes 0, and so does a vector without direction.
    """
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    spread = centred.std(axis=0)
    centred /= np.where(spread > 1e-9, spread, np.inf)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return (centred / np.where(length > 0, length, np.inf)).astype(np.float32)


def nearest(
    vectors: Float[np.ndarray, "N D"],
    groups: Sequence[Int[np.ndarray, "n"]],
    count: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Int[np.ndarray, "N K"], Float[np.ndarray, "N K"]]:
    """Of each vector the K = `count` others of its group with the largest cosine, and the cosines; −1 and NaN where
    the group has no more.

    Args:
        vectors: of length 1.
        groups: rising places in `vectors`, no place in two groups. A vector in no group has no neighbours.
        count: K.
        progress: receives vectors done and vectors in all.

    Equal cosines (to six decimals) come in the order of their places. Memory is O(N · K) and a block.
    """
    places = np.full((len(vectors), count), -1, np.int32)
    cosines = np.full((len(vectors), count), np.nan, np.float32)
    done, total = 0, sum(map(len, groups))
    for group in groups:
        inside = vectors[group]
        for rows, found, close in _of_group(inside, count):
            places[group[rows], : found.shape[1]] = group[found]
            cosines[group[rows], : found.shape[1]] = close
            done += len(rows)
            progress(done, total)
    return places, cosines


def _of_group(
    vectors: Float[np.ndarray, "n D"], count: int
) -> Iterator[tuple[Int[np.ndarray, "b"], Int[np.ndarray, "b k"], Float[np.ndarray, "b k"]]]:
    """Block after block: its rows, their neighbours, and the cosines."""
    n = len(vectors)
    k = min(count, n - 1)
    if k < 1:
        return
    block = max(_CELLS // n, 1)
    columns = np.arange(n, dtype=np.int64)
    for start in range(0, n, block):
        rows = columns[start : start + block]
        cosines = vectors[rows] @ vectors.T  # [b, n]
        key = np.rint(cosines * np.float32(-_PLACES)).astype(np.int64) * n + columns  # no two of a row are equal
        key[np.arange(len(rows)), rows] = np.iinfo(np.int64).max
        found = np.argpartition(key, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(found, np.argsort(np.take_along_axis(key, found, 1), axis=1), 1)
        yield rows, found, np.take_along_axis(cosines, found, 1)


def mean_cosine(vectors: Float[np.ndarray, "N D"], groups: Sequence[Int[np.ndarray, "n"]]) -> float:
    """Mean cosine of all pairs of different vectors of a group: (|Σv|² − Σ|v|²) over pairs; NaN without pairs."""
    total, pairs = 0.0, 0
    for group in groups:
        inside = vectors[group].astype(np.float64)
        total += float(np.square(inside.sum(axis=0)).sum() - np.square(inside).sum())
        pairs += len(group) * (len(group) - 1)
    return total / pairs if pairs else float("nan")
