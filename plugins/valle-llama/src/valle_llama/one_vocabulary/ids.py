"""The ids of the one vocabulary: which row of the model's table, and which answer of level 0, each stands for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.sequence.pack import PackRules, pack
from valle_core.sequence.vocabulary import Vocabulary, response_range
from valle_core.types import TaskSequence

STOP = -1
"""In place of a row of the table: the stop token, which is never read."""

_READ = {
    "separator": "separator",
    "language": "language",
    "level": "level",
    "tone": "tone",
    "task": "task",
    "text": "text",
    "prompt": "prompt:0",
}
"""What is only read, in the order of the ids: its name here → its range in the table."""


@dataclass(frozen=True, slots=True)
class OneVocabulary:
    """Codes of level 0 first, then the stop token, so that the first V + 1 logits are those of level 0; behind them
    what is only read: the code that hides another, and everything else that a row of level 0 is made of.

    Attributes:
        native: the ranges of the model's own table.
    """

    native: Vocabulary

    def ranges(self) -> dict[str, range]:
        """Name → half-open range of ids, in their order."""
        found, start = {}, 0
        for name, size in self._sizes().items():
            found[name] = range(start, start + size)
            start += size
        return found

    @property
    def size(self) -> int:
        """How many ids there are."""
        return sum(self._sizes().values())

    @property
    def answers(self) -> int:
        """V + 1: ids that may be answered, the first ones."""
        return self.native.codebook_size + 1

    @property
    def stop(self) -> int:
        """Id of the stop token."""
        return self.native.codebook_size

    def rows(self) -> Int[Tensor, "N"]:
        """The row of the model's table that each id is read by, `STOP` for the stop token."""
        ranges = self.native.ranges()
        codes = list(ranges[response_range(0)])
        level = {"level": ranges["level"][:1]}
        read = [row for ours, theirs in _READ.items() for row in level.get(ours, ranges[theirs])]
        return torch.tensor([*codes[:-1], STOP, codes[-1], *read])

    def ids_of(self, row: TaskSequence, rules: PackRules) -> Int[Tensor, "T"]:
        """What a model reads of `row`, as ids. Raises `UserError` for a row that they cannot say."""
        if row.level:
            raise UserError(f"the one vocabulary holds rows of level 0, got a row of level {row.level}")
        places = torch.full((self.native.size,), STOP)
        rows = self.rows()
        read = rows != STOP
        places[rows[read]] = torch.arange(len(rows))[read]
        batch = pack([row], rules)
        ids = places[batch.indices]
        if len(ids) != len(batch.offsets) or bool((ids == STOP).any()):
            raise UserError("the row adds up several tokens at a place, which ids cannot say")
        return ids

    def _sizes(self) -> dict[str, int]:
        ranges = self.native.ranges()
        sizes = {ours: len(ranges[theirs]) for ours, theirs in _READ.items()}
        return {"code": self.native.codebook_size, "stop": 1, "hidden": 1, **sizes, "level": 1}
