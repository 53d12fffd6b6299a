"""Options of the rewrite `lora` (imports no torch)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraOptions:
    """Options of `--rewrite lora`.

    Attributes:
        rank: rank of the update that is added to a matrix.
        alpha: what is added counts alpha / rank.
        targets: name patterns of the linear layers that get an adapter, e.g. `*.q_proj`; all by default.
        levels: codebook levels at which the adapter acts, e.g. `0`, `1-7` or `0,2-3`: the rows that predict another one
            go through the layers as if it were not there. Empty: all.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ("*",)
    levels: str = ""

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"rank must be at least 1, got {self.rank}")
        if not 0 < self.alpha < float("inf"):
            raise UserError(f"alpha must be above 0, got {self.alpha}")
        if not self.targets:
            raise UserError("targets must hold at least 1 pattern, got 0")
        level_set(self.levels)


def level_set(levels: str) -> frozenset[int] | None:
    """The levels that were named, or None for all.

    Raises:
        UserError: they are neither numbers nor ranges.
    """
    found: set[int] = set()
    for part in levels.replace(" ", "").split(",") if levels.strip() else ():
        numbers = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part, re.ASCII)
        first, last = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (1, 0)
        if last < first:
            raise UserError(f"levels must be codebook levels, as in '0', '1-7' or '0,2-3', got {levels!r}")
        found.update(range(first, last + 1))
    return frozenset(found) or None


def said(levels: frozenset[int]) -> str:
    """As `level_set` reads them: `0,2-3`."""
    runs = [
        (one, max(n for n in levels if {*range(one, n + 1)} <= levels))
        for one in sorted(levels - {n + 1 for n in levels})
    ]
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)
