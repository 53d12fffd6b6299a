"""The held-out utterances of a dataset that are looked at, and their rows: the same at every step and in every run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from jaxtyping import Integer
from torch import Tensor

from valle_core.api import Dataset, LiveRun, UserError, open_dataset
from valle_core.sequence.masking import draw_hidden, masked
from valle_core.sequence.pack import RowBatch, pack, row_length
from valle_core.types import TaskSequence, Utterance

MOST = 64
"""Utterances whose loss is measured."""

ROWS = 8
"""Rows of a batch."""


class HeldOutPool:
    """See `valle_core.types.Pool`: held-out utterances, with prompts of what the run trains on.

    Where a speaker has no utterance in training, prompts are other held-out ones of this speaker.
    """

    def __init__(self, training: Any, held_out: Dataset) -> None:
        self.training, self.held_out = training, held_out
        self.ids = frozenset(held_out.ids)

    def part(self, id: str) -> Dataset:
        """The part of the dataset in which an utterance is."""
        return self.held_out if id in self.ids else self.training.dataset

    def utterance(self, id: str) -> Utterance:
        return self.part(id).utterance(id)

    def other(self, speaker: str, exclude: str) -> Sequence[str]:
        return self.training.other(speaker, exclude) or self.held_out.other(speaker, exclude)

    def similar(self, id: str, n: int, *, across: bool = False) -> Sequence[str]:
        """Others of the speaker, by their names: an index of similar utterances knows none that was held out."""
        found = self.training.other(self.utterance(id).speaker, id)
        return (found or self.held_out.other(self.utterance(id).speaker, id))[:n]

    def codes(self, id: str) -> Integer[Tensor, "F Q"]:
        return self.part(id).codes(id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.training, name)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut:
    """What is looked at.

    Attributes:
        dataset: the held-out part.
        pool: where prompts are found.
        ids: utterances whose loss is measured, in the order in which they are taken.
        batches: name of a loss → rows: a level by its number, `masked` for level 0 filled in place.
    """

    dataset: Dataset
    pool: HeldOutPool
    ids: tuple[str, ...]
    batches: dict[str, list[RowBatch]]

    def losses(self, loss: Callable[[RowBatch], float]) -> dict[str, float]:
        """`held_out_loss_LEVEL` of each, and `held_out_loss`, the mean over all predicted positions; finite ones."""
        sums = {name: _mean(batches, loss) for name, batches in self.batches.items()}
        found = {f"held_out_loss_{name}": total / count for name, (total, count) in sums.items()}
        count = sum(count for _, count in sums.values())
        found = {"held_out_loss": sum(total for total, _ in sums.values()) / count, **found}
        return {name: value for name, value in found.items() if math.isfinite(value)}


def held_out(live: LiveRun) -> HeldOut:
    """The held-out part of a run's dataset.

    Which utterances it has was decided by `valle prepare`, and stands in its dataset.json. Those that are looked at are
    the first by a hash of their names, so that runs with other random seeds are measured on the same rows.

    Raises:
        UserError: it has none, or no row of them fits.
    """
    path: Path = live.source.dataset.path  # type: ignore[attr-defined]
    dataset = open_dataset(path, part="held-out")
    if not len(dataset):
        raise UserError(f"--eval-every: {path} holds no utterances out. Prepare it with --held-out-fraction 0.05")
    pool = HeldOutPool(live.source, dataset)
    ordered = sorted(dataset.ids, key=lambda id: hashlib.sha256(f"evaluated {id}".encode()).digest())
    ids = tuple(ordered[:MOST])
    rows = {name: list(_rows(live, pool, ids, name)) for name in _losses_of(live)}
    batches = {
        name: [pack(some, live.settings.packing) for some in _chunks(found)] for name, found in rows.items() if found
    }
    if not batches:
        raise UserError(f"--eval-every: the tasks of this run can use none of the held-out utterances of {path}")
    return HeldOut(dataset=dataset, pool=pool, ids=ids, batches=batches)


def _losses_of(live: LiveRun) -> list[str]:
    """Levels that are trained, and `masked` where level 0 is."""
    settings = live.settings
    levels = [level for level, weight in enumerate(settings.level_weights) if weight > 0]
    names = [str(level) for level in levels if level or settings.masked < 1]
    return [*names, "masked"] if 0 in levels and settings.masked else names


def _rows(live: LiveRun, pool: HeldOutPool, ids: Sequence[str], name: str) -> Iterator[TaskSequence]:
    """The rows of a loss, without the noise that training puts into them; what no task can use is left out."""
    settings = live.settings
    for id in ids:
        rng = Random(f"held out/{id}")  # all levels are asked of the same prompt
        for task in live.tasks:
            inputs = task.draw(pool.utterance(id), pool, rng, frame_rate=settings.frame_rate)
            if inputs is None or (settings.packing.aligned and inputs.times is None):
                continue
            if task.output != "codes" and name != "0":
                continue
            row = task.compose(inputs, int(name) if name.isdigit() else 0, training=True)
            if settings.longest is not None and row_length(row, settings.packing) > settings.longest:
                continue
            if name == "masked":
                hidden = draw_hidden(len(row.segments[-1].tokens), rng)
                row = masked(row, hidden, mask=settings.packing.vocabulary.mask)
            yield row


def _chunks(rows: Sequence[TaskSequence]) -> Iterator[list[TaskSequence]]:
    """Rows of a similar length together."""
    ordered = sorted(rows, key=lambda row: sum(len(segment.tokens) for segment in row.segments))
    for start in range(0, len(ordered), ROWS):
        yield ordered[start : start + ROWS]


def _mean(batches: Sequence[RowBatch], loss: Callable[[RowBatch], float]) -> tuple[float, int]:
    """Sum of the losses of all predicted positions, and how many there are."""
    counts = [sum(found.positions.numel() for found in batch.predicted.values()) for batch in batches]
    return sum(loss(batch) * count for batch, count in zip(batches, counts, strict=True)), sum(counts)
