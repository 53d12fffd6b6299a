"""The few rows that show whether a model reads its text (`valle_core.training.text_gain`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import torch

from valle_core.interfaces import Task
from valle_core.sequence.pack import pack, row_length
from valle_core.training.rows import RowSettings, UtteranceSource
from valle_core.training.text_gain import TextProbe
from valle_core.types import TaskInputs, TaskSequence

ROWS = 8
_TRIED = 64


def text_probe(
    source: UtteranceSource, tasks: Sequence[Task], settings: RowSettings, ids: Sequence[str]
) -> TextProbe | None:
    """Rows of these utterances with their own texts and with each other's; None where no two texts differ.

    They are of the lowest level that is trained, where the text says most, and a function of the run's random seed.
    """
    level = next(level for level, weight in enumerate(settings.level_weights) if weight > 0)
    drawn = list(_drawn(source, tasks, settings, ids, level))
    pairs: list[tuple[TaskSequence, TaskSequence]] = []
    for index, (task, inputs) in enumerate(drawn):
        others = (other for _, other in (*drawn[index + 1 :], *drawn[:index]))
        other = next((other for other in others if not torch.equal(other.text, inputs.text)), None)
        if other is None:
            continue
        texts = (inputs, _saying(inputs, other))
        right, swapped = (task.compose(found, level, training=True) for found in texts)
        if _fits(swapped, settings):
            pairs.append((right, swapped))
    if not pairs:
        return None
    right, swapped = (pack([pair[side] for pair in pairs], settings.packing) for side in (0, 1))
    return TextProbe(right=right, swapped=swapped)


def _saying(inputs: TaskInputs, other: TaskInputs) -> TaskInputs:
    """The inputs with another's text, said at the other's pace scaled to this response."""
    scale = inputs.response.shape[0] / max(other.response.shape[0], 1)
    return replace(inputs, text=other.text, times=None if other.times is None else other.times * scale)


def _drawn(
    source: UtteranceSource, tasks: Sequence[Task], settings: RowSettings, ids: Sequence[str], level: int
) -> Iterator[tuple[Task, TaskInputs]]:
    """Up to `ROWS` inputs that have a text and whose row the backbone can hold."""
    rng = Random(f"{settings.seed}/text probe")
    found = 0
    for id in rng.sample(ids, min(_TRIED, len(ids))):
        task = rng.choice(tasks)
        inputs = task.draw(source.utterance(id), source, rng, frame_rate=settings.frame_rate)
        if inputs is None or not len(inputs.text) or (settings.packing.aligned and inputs.times is None):
            continue
        if not _fits(task.compose(inputs, level, training=True), settings):
            continue
        yield task, inputs
        found += 1
        if found == ROWS:
            return


def _fits(row: TaskSequence, settings: RowSettings) -> bool:
    return settings.longest is None or row_length(row, settings.packing) <= settings.longest
