"""An endless, resumable stream of packed batches: draw a task and a level for each utterance, compose, pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import torch

from valle_core.interfaces import Pool, Task
from valle_core.model.levels import draw_level
from valle_core.plugin import UserError
from valle_core.sequence.pack import PackRules, RowBatch, pack, row_length
from valle_core.sequence.token_dropout import drop_tokens
from valle_core.types import TaskSequence, Utterance


class UtteranceSource(Pool, Protocol):
    """A dataset, as training needs it."""

    def utterance(self, id: str) -> Utterance: ...


class IdBatches(Protocol):
    """Batches of utterance ids, epoch after epoch; see `valle_core.data.batching`."""

    def __iter__(self) -> Iterator[tuple[str, ...]]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    @property
    def epoch(self) -> int: ...


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


@dataclass(kw_only=True, slots=True)
class ExampleStream:
    """Every choice is a function of (seed, epoch, utterance id), so a resumed stream continues exactly.

    Attributes:
        source: the dataset.
        batches: which utterances go together.
        tasks: (task, weight) to draw from.
        level_weights: probability of each level.
        rules: packing rules of the model.
        frame_rate: frames per second of the codec.
        seed: of all draws.
        token_error, token_rate: see `ModelOptions`.
        longest: most positions of a row, or None.
    """

    source: UtteranceSource
    batches: IdBatches
    tasks: Sequence[tuple[Task, float]]
    level_weights: tuple[float, ...]
    rules: PackRules
    frame_rate: float
    seed: int
    token_error: tuple[float, ...] = ()
    token_rate: tuple[float, ...] = ()
    longest: int | None = None

    def __iter__(self) -> Iterator[Example]:
        empty = 0
        while True:
            for ids in self.batches:
                rows = [self.row(id, self.batches.epoch) for id in ids]
                kept = [row for row in rows if row is not None]
                if not kept:
                    empty += 1
                    if empty > 100:
                        raise UserError(
                            "no utterance suits the chosen tasks (tts needs two utterances of a speaker) and fits "
                            f"the backbone ({self.longest or 'any number of'} positions a row); "
                            "add recordings, train with --task tts-c, or raise the backbone's max_length"
                        )
                    continue
                empty = 0
                batch = pack(kept, self.rules)
                yield Example(
                    batch=batch,
                    seconds=sum(row.segments[-1].tokens.shape[0] for row in kept) / self.frame_rate,
                    tokens=int(batch.mask.lengths.sum()),
                    skipped=len(rows) - len(kept),
                )

    def row(self, id: str, epoch: int) -> TaskSequence | None:
        """One training row, or None where the drawn task cannot use this utterance or the row would be too long."""
        rng = Random(f"{self.seed}/{epoch}/{id}")
        tasks, weights = zip(*self.tasks, strict=True)
        task = rng.choices(tasks, weights)[0]
        inputs = task.draw(self.source.utterance(id), self.source, rng, frame_rate=self.frame_rate)
        if inputs is None:
            return None
        row = task.compose(inputs, draw_level(self.level_weights, rng), training=True)
        if self.longest is not None and row_length(row, self.rules) > self.longest:
            return None
        return drop_tokens(
            row,
            error=self.token_error,
            rate=self.token_rate,
            codebook_size=self.rules.vocabulary.codebook_size,
            generator=torch.Generator().manual_seed(rng.getrandbits(48)),
        )

    def state_dict(self) -> dict[str, Any]:
        return self.batches.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.batches.load_state_dict(dict(state))
