"""A run against an earlier one: sentence by sentence, and only where the same judges judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from valle_core.plugin import UserError
from valle_eval.result import Result
from valle_eval.statistics import Difference, difference
from valle_language.measuring import Figure


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One system of this run against one of the earlier.

    Attributes:
        earlier: the other run.
        system, other: names of the systems.
        count: sentences that both have with the same text.
        differences: figure → later minus earlier.
        refused: figure → why it is not compared.
    """

    earlier: Result
    system: str
    other: str
    count: int
    differences: Mapping[str, tuple[Figure, Difference]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield f"against {self.earlier.name}, {self.system} − {self.other}, {self.count} sentences of both:"
        for name, (figure, apart) in self.differences.items():
            factor, unit = (100, " points") if figure.percent else (1, "")
            digits = figure.digits
            middle, low, high = (f"{factor * value:+.{digits}f}" for value in (apart.mean, apart.low, apart.high))
            yield f"  {name} {middle}{unit} [{low}, {high}] {self._verdict(figure, apart)}".rstrip()
        for name, why in self.refused.items():
            yield f"  {name} is not compared: {why}"

    @staticmethod
    def _verdict(figure: Figure, apart: Difference) -> str:
        if not figure.better or apart.low <= 0 <= apart.high:
            return ""
        return "better" if (apart.mean < 0) == (figure.better == "lower") else "worse"

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "against": self.earlier.name,
            "system": self.system,
            "other": self.other,
            "sentences": self.count,
            "differences": {
                name: {"mean": apart.mean, "low": apart.low, "high": apart.high, "count": apart.count}
                for name, (_, apart) in self.differences.items()
            },
            "not_compared": dict(self.refused),
        }


def compare(later: Result, earlier: Result) -> Compared:
    """The first system of each.

    Raises:
        UserError: no sentence of both has the same id and text.
    """
    system, other = next(iter(later.systems)), next(iter(earlier.systems))
    before = {(row.id, row.text): row for row in earlier.of(other)}
    pairs = [(row, before[row.id, row.text]) for row in later.of(system) if (row.id, row.text) in before]
    if not pairs:
        raise UserError(f"'{earlier.name}' has no sentence of this run (same id, same text), so nothing is compared")
    differences: dict[str, tuple[Figure, Difference]] = {}
    refused: dict[str, str] = {}
    for figure in later.figures:
        name = figure.name
        if not figure.main or name not in earlier.judges:
            continue
        if unlike := _unlike(later.judges[name], earlier.judges[name]):
            refused[name] = unlike
            continue
        both = [(a.scores[name], b.scores[name]) for a, b in pairs if name in a.scores and name in b.scores]
        apart = difference([a for a, _ in both], [b for _, b in both])
        if apart is not None:
            differences[name] = (figure, apart)
    return Compared(
        earlier=earlier, system=system, other=other, count=len(pairs), differences=differences, refused=refused
    )


def _unlike(now: Mapping[str, str], then: Mapping[str, str]) -> str:
    """What differs between the judges, or ""."""
    keys = [key for key in {**now, **then} if now.get(key) != then.get(key)]
    return "; ".join(f"{key} is '{now.get(key, 'none')}', there it was '{then.get(key, 'none')}'" for key in keys)
