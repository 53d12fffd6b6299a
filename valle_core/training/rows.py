"""From utterance ids to one packed batch: draw a task and a level for each utterance, compose, pack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import torch

from valle_core.interfaces import Pool, Task
from valle_core.model.levels import draw_level
from valle_core.sequence.pack import PackRules, RowBatch, pack, row_length
from valle_core.sequence.token_dropout import drop_tokens
from valle_core.types import TaskSequence, Utterance

_TRIED = 8


class UtteranceSource(Pool, Protocol):
    """A dataset with its pool, as training needs it."""

    def utterance(self, id: str) -> Utterance: ...

    @property
    def noise_hash(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One batch and what it holds.

    Attributes:
        batch: packed rows.
        seconds: response audio in it.
        tokens: positions of the backbone's input that are not padding.
        skipped: utterances that the drawn task could not use, or whose rows the backbone cannot hold.
    """

    batch: RowBatch
    seconds: float
    tokens: int
    skipped: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRules:
    """How rows are drawn and laid out, the same in every process.

    Attributes:
        level_weights: probability of each level.
        rules: packing rules of the model.
        frame_rate: frames per second of the codec.
        seed: of all draws.
        token_error, token_rate: see `ModelOptions`.
        longest: most positions of a row, or None.
    """

    level_weights: tuple[float, ...]
    rules: PackRules
    frame_rate: float
    seed: int
    token_error: tuple[float, ...] = ()
    token_rate: tuple[float, ...] = ()
    longest: int | None = None


class RowMaker:
    """Every choice is a function of (seed, epoch, utterance id), whichever process makes it."""

    def __init__(self, source: UtteranceSource, tasks: Sequence[Task], rules: RowRules) -> None:
        self._source, self._tasks, self._rules = source, tasks, rules

    @property
    def noise(self) -> str:
        """Identifies the noise set, or ""."""
        return self._source.noise_hash

    def examples(self, lots: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Example | None]:
        """The example of each (epoch, ids), made when it is asked for."""
        return (self.example(epoch, ids) for epoch, ids in lots)

    def example(self, epoch: int, ids: Sequence[str]) -> Example | None:
        """The batch of these utterances, or None where none of them can be used."""
        rows = [self.row(id, epoch) for id in ids]
        kept = [row for row in rows if row is not None]
        if not kept:
            return None
        batch = pack(kept, self._rules.rules)
        return Example(
            batch=batch,
            seconds=sum(row.segments[-1].tokens.shape[0] for row in kept) / self._rules.frame_rate,
            tokens=int(batch.mask.lengths.sum()),
            skipped=len(rows) - len(kept),
        )

    def row(self, id: str, epoch: int) -> TaskSequence | None:
        """One training row, or None where the drawn task cannot use this utterance or the row would be too long."""
        rules = self._rules
        rng = Random(f"{rules.seed}/{epoch}/{id}")
        task = rng.choices(self._tasks, [1.0] * len(self._tasks))[0]
        inputs = task.draw(self._source.utterance(id), self._source, rng, frame_rate=rules.frame_rate)
        if inputs is None:
            return None
        row = task.compose(inputs, draw_level(rules.level_weights, rng), training=True)
        if rules.longest is not None and row_length(row, rules.rules) > rules.longest:
            return None
        return drop_tokens(
            row,
            error=rules.token_error,
            rate=rules.token_rate,
            codebook_size=rules.rules.vocabulary.codebook_size,
            generator=torch.Generator().manual_seed(rng.getrandbits(48)),
        )

    def try_tasks(self, ids: Sequence[str]) -> None:
        """Draw a few times for every task, so that what one needs and the run was not given is told before it begins.

        Raises:
            UserError: noise, an index of similar utterances or the codec is missing.
        """
        for task in self._tasks:
            for id in ids[:_TRIED]:
                task.draw(self._source.utterance(id), self._source, Random(id), frame_rate=self._rules.frame_rate)
