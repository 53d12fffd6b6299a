"""The few rows that show whether a model reads its text (`valle_training.text_gain`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import torch

from valle_core.api import LiveRun
from valle_core.interfaces import Task
from valle_core.sequence.masking import masked
from valle_core.sequence.pack import RowBatch, pack, row_length
from valle_core.types import TaskInputs, TaskSequence

ROWS = 8
_TRIED = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class TextProbe:
    """Rows of the lowest trained level, the same throughout a run.

    Attributes:
        right: with their own texts.
        swapped: the same with the texts of others among them.
    """

    right: RowBatch
    swapped: RowBatch


def text_probe(live: LiveRun) -> TextProbe | None:
    """Rows of a run's utterances with their own texts and with each other's; None where no two texts differ.

    They are of the lowest level that is trained, where the text says most, and a function of the run's random seed.
    """
    level = next(level for level, weight in enumerate(live.settings.level_weights) if weight > 0)
    drawn = list(_drawn(live, level))
    pairs: list[tuple[TaskSequence, TaskSequence]] = []
    for index, (task, inputs) in enumerate(drawn):
        others = (other for _, other in (*drawn[index + 1 :], *drawn[:index]))
        other = next((other for other in others if not torch.equal(other.text, inputs.text)), None)
        if other is None:
            continue
        texts = (inputs, _saying(inputs, other))
        right, swapped = (_composed(task, found, level, live) for found in texts)
        if _fits(swapped, live):
            pairs.append((right, swapped))
    if not pairs:
        return None
    right, swapped = (pack([pair[side] for pair in pairs], live.settings.packing) for side in (0, 1))
    return TextProbe(right=right, swapped=swapped)


def _composed(task: Task, inputs: TaskInputs, level: int, live: LiveRun) -> TaskSequence:
    """The row; with all codes hidden where level 0 is only ever masked."""
    row = task.compose(inputs, level, training=True)
    if level or live.settings.masked < 1:
        return row
    hidden = torch.ones(row.segments[-1].tokens.shape[0], dtype=torch.bool)
    return masked(row, hidden, mask=live.settings.packing.vocabulary.mask)


def _saying(inputs: TaskInputs, other: TaskInputs) -> TaskInputs:
    """The inputs with another's text, said at the other's pace scaled to this response."""
    scale = inputs.response.shape[0] / max(other.response.shape[0], 1)
    return replace(inputs, text=other.text, times=None if other.times is None else other.times * scale)


def _drawn(live: LiveRun, level: int) -> Iterator[tuple[Task, TaskInputs]]:
    """Up to `ROWS` inputs of a text and no source, which may say it all, and whose row the backbone can hold."""
    settings, rng = live.settings, Random(f"{live.settings.seed}/text probe")
    found = 0
    for id in rng.sample(live.ids, min(_TRIED, len(live.ids))):
        task = rng.choice(live.tasks)
        inputs = task.draw(live.source.utterance(id), live.source, rng, frame_rate=settings.frame_rate)
        if task.output != "codes" or inputs is None or not len(inputs.text) or inputs.source is not None:
            continue
        if settings.packing.aligned and inputs.times is None:
            continue
        if not _fits(task.compose(inputs, level, training=True), live):
            continue
        yield task, inputs
        found += 1
        if found == ROWS:
            return


def _fits(row: TaskSequence, live: LiveRun) -> bool:
    return live.settings.longest is None or row_length(row, live.settings.packing) <= live.settings.longest
