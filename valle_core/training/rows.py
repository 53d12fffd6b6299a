"""From utterance ids to one packed batch: draw a task and a level for each utterance, compose, pack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float

from valle_core.data.dataset import Dataset
from valle_core.interfaces import Pool, Task
from valle_core.model.levels import draw_level
from valle_core.sequence.masking import draw_hidden, masked
from valle_core.sequence.pack import PackRules, RowBatch, pack, row_length
from valle_core.sequence.token_dropout import drop_tokens
from valle_core.sequence.unpad import end_to_end
from valle_core.types import Explains, KnowsAudio, KnowsPrompts, Role, SharesPrompts, TaskSequence, Utterance

_MARKERS = 16
"""Positions of a row at most that are neither text nor audio (markers, separators), and one that rounding adds."""


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
        skipped: reason → utterances left out: the drawn task could not use them, or the backbone cannot hold their row.
        tasks: whether the run has several, so that each has its figures.
        waited: seconds until it was there.
        epoch: of the data.
        ids: utterances that it was made of.
        share: of `RowMaker.share`.
    """

    batch: RowBatch
    seconds: float
    tokens: int
    skipped: Mapping[str, int]
    tasks: bool = False
    waited: float = 0.0
    epoch: int = 0
    ids: tuple[str, ...] = ()
    share: float = 0.0

    @property
    def padding(self) -> float:
        """Share of its positions that are none of a row."""
        return 1 - self.tokens / self.batch.positions.numel()


@dataclass(frozen=True, slots=True)
class Nothing:
    """In place of an `Example` where no utterance of a batch can be used.

    Attributes:
        skipped: as in `Example`.
    """

    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """In place of a row: why there is none.

    Attributes:
        reason: a few words, equal for utterances that are left out for the same reason.
    """

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSettings:
    """How rows are sampled and laid out, the same in every process.

    Attributes:
        level_weights: probability of each level.
        packing: rules of the model for packing.
        frame_rate: frames per second of the codec.
        seed: of all draws.
        masked, drops, token_error, token_rate: see `ModelOptions`; what a masked row shows has no further noise.
        longest: most positions of a row, or None.
        task_names: of the tasks, in their order; () where rows say their own.
        task_weights: chances of the tasks in proportion to each other; () for equal ones.
        packed: rows are laid end to end, which the attention kernel takes as they are.
    """

    level_weights: tuple[float, ...]
    packing: PackRules
    frame_rate: float
    seed: int
    masked: float = 0.0
    drops: tuple[tuple[frozenset[Role], float], ...] = ()
    token_error: tuple[float, ...] = ()
    token_rate: tuple[float, ...] = ()
    longest: int | None = None
    task_names: tuple[str, ...] = ()
    task_weights: tuple[float, ...] = ()
    packed: bool = False


class RowMaker:
    """Every choice is a function of (seed, epoch, utterance id), whichever process makes it; how long the prompts of a
    batch are is one of its first utterance, so that its rows are alike."""

    def __init__(self, source: UtteranceSource, tasks: Sequence[Task], settings: RowSettings) -> None:
        self.source, self.tasks, self.settings = source, tasks, settings

    @property
    def noise(self) -> str:
        """Identifies the noise set, or ""."""
        return self.source.noise_hash

    def sizes(self, dataset: Dataset) -> Float[np.ndarray, "n"]:
        """Seconds that the row of each utterance takes at most, a frame for each position, in the order of its ids."""
        rate, packing = self.settings.frame_rate, self.settings.packing
        positions = _MARKERS + (0 if packing.aligned else dataset.symbol_counts)
        beside = np.max([_beside(task, dataset.durations) for task in self.tasks], axis=0)
        return dataset.durations + beside + positions / rate

    def examples(self, batch_ids: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Example | Nothing]:
        """The example of each (epoch, ids), made when it is asked for."""
        return (self.example(epoch, ids) for epoch, ids in batch_ids)

    def example(self, epoch: int, ids: Sequence[str], share: float | None = None) -> Example | Nothing:
        """The batch of these utterances."""
        share = self.share(epoch, ids) if share is None else share
        rows = [self.row(id, epoch, share) for id in ids]
        kept = [row for row in rows if isinstance(row, TaskSequence)]
        kept.sort(key=lambda row: (not row.causal, row.level))  # rows of a kind are a slice of the batch
        skipped = dict(Counter(row.reason for row in rows if isinstance(row, LeftOut)))
        if not kept:
            return Nothing(skipped)
        batch = pack(kept, self.settings.packing)
        batch = end_to_end(batch) if self.settings.packed else batch
        return Example(
            batch=batch,
            seconds=sum(len(row.segments[-1].tokens) for row in kept if row.output == "codes")
            / self.settings.frame_rate,
            tokens=int(batch.mask.lengths.sum()),
            skipped=skipped,
            tasks=len(self.tasks) > 1,
            epoch=epoch,
            ids=tuple(ids),
            share=share,
        )

    def share(self, epoch: int, ids: Sequence[str]) -> float:
        """Where between their shortest and longest the prompts of a batch are."""
        return Random(f"{self.settings.seed}/{epoch}/{ids[0]}/prompts").random()

    def row(self, id: str, epoch: int, share: float | None = None) -> TaskSequence | LeftOut:
        """One training row, or why there is none. Its prompt is as long as `share` says, between shortest and longest,
        or as the task draws it."""
        rng = Random(f"{self.settings.seed}/{epoch}/{id}")
        place = rng.choices(range(len(self.tasks)), self.settings.task_weights or [1.0] * len(self.tasks))[0]
        return self._row(id, place, rng, share)

    def usable(self, id: str) -> tuple[int, list[str]]:
        """How many of the tasks can use an utterance, and why the others cannot.

        Raises:
            UserError: noise, an index of similar utterances or the codec is missing.
        """
        found = [self._row(id, place, Random(f"{self.settings.seed}/{id}")) for place in range(len(self.tasks))]
        reasons = [row.reason for row in found if isinstance(row, LeftOut)]
        return len(found) - len(reasons), reasons

    def _row(self, id: str, place: int, rng: Random, share: float | None = None) -> TaskSequence | LeftOut:
        settings, utterance, task = self.settings, self.source.utterance(id), self.tasks[place]
        if share is not None and isinstance(task, SharesPrompts):
            task = task.with_prompts(share)
        inputs = task.draw(utterance, self.source, rng, frame_rate=settings.frame_rate)
        if inputs is None:
            return LeftOut(_reason(task, utterance, self.source, settings.frame_rate))
        level = draw_level(settings.level_weights, rng) if task.output == "codes" else 0
        row = task.compose(inputs, level, training=True)
        if settings.packing.aligned and row.times is None:
            return LeftOut("no times of its phonemes (--alignment none needs none)")
        if settings.longest is not None and row_length(row, settings.packing) > settings.longest:
            return LeftOut(f"longer than the backbone's {settings.longest} positions a row")
        if settings.task_names:
            row = replace(row, task=settings.task_names[place])
        if row.output != "codes":
            return row
        if settings.drops:
            without = (roles for roles, chance in settings.drops if rng.random() < chance)
            row = replace(row, without=row.without.union(*without))
        vocabulary, frames = settings.packing.vocabulary, row.segments[-1].tokens.shape[0]
        if row.causal and row.output == "codes" and frames and settings.masked and rng.random() < settings.masked:
            return masked(row, draw_hidden(frames, rng), mask=vocabulary.mask)
        return drop_tokens(
            row,
            error=settings.token_error,
            rate=settings.token_rate,
            codebook_size=vocabulary.codebook_size,
            generator=torch.Generator().manual_seed(rng.getrandbits(48)),
        )


def _beside(task: Task, seconds: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    if isinstance(task, KnowsAudio):
        return task.beside(seconds)
    return np.full_like(seconds, task.prompts.longest if isinstance(task, KnowsPrompts) else 0.0)


def _reason(task: Task, utterance: Utterance, pool: Pool, frame_rate: float) -> str:
    if isinstance(task, Explains):
        return task.why_not(utterance, pool, frame_rate=frame_rate)
    return f"{type(task).__name__} cannot use it"
