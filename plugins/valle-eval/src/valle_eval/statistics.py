"""Means of scores, and how sure they are: bootstrap intervals over the sentences (Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from valle_language.measuring import Score

DRAWS = 2000
SEED = 0
SHARE = (2.5, 97.5)
"""Percentiles of the interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """Of a figure over sentences.

    Attributes:
        count: sentences that have the figure.
        mean: of the sentences' values.
        low, high: its interval of 95 %.
        corpus: Σ amount ⁄ Σ of; equal to the mean where nothing is a share.
        corpus_low, corpus_high: its interval.
    """

    count: int
    mean: float
    low: float
    high: float
    corpus: float
    corpus_low: float
    corpus_high: float

    def to_json(self) -> dict[str, Any]:
        """With full precision."""
        return asdict(self)


def mean_of(scores: Sequence[Score]) -> Mean | None:
    """None for no scores."""
    if not scores:
        return None
    amount, of = _columns(scores)
    rows = _rows(len(scores))
    values = amount / of
    means, pooled = values[rows].mean(1), amount[rows].sum(1) / of[rows].sum(1)
    (low, high), (corpus_low, corpus_high) = np.percentile(means, SHARE), np.percentile(pooled, SHARE)
    return Mean(
        count=len(scores),
        mean=float(values.mean()),
        low=float(low),
        high=float(high),
        corpus=float(amount.sum() / of.sum()),
        corpus_low=float(corpus_low),
        corpus_high=float(corpus_high),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Of two runs over the sentences that both have, sentence by sentence.

    Attributes:
        count: sentences.
        mean: of the later run's values minus the earlier's.
        low, high: its interval of 95 %; without 0 in it the runs differ.
    """

    count: int
    mean: float
    low: float
    high: float


def difference(later: Sequence[Score], earlier: Sequence[Score]) -> Difference | None:
    """Both in the same order; None for no scores."""
    if not later:
        return None
    apart = np.array([one.value - other.value for one, other in zip(later, earlier, strict=True)])
    low, high = np.percentile(apart[_rows(len(apart))].mean(1), SHARE)
    return Difference(count=len(apart), mean=float(apart.mean()), low=float(low), high=float(high))


def _columns(scores: Sequence[Score]) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    return np.array([score.amount for score in scores], float), np.array([score.of for score in scores], float)


def _rows(count: int) -> Int[np.ndarray, "D N"]:
    return np.random.default_rng(SEED).integers(0, count, (DRAWS, count))
