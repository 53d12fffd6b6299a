"""A run under way, as hooks see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from valle_core.interfaces import Task
from valle_core.sequence.pack import RowBatch
from valle_core.training.options import TrainOptions
from valle_core.training.rows import RowSettings, UtteranceSource


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveRun:
    """`facts["live"]` of the hook `train_start`.

    Attributes:
        options: of the training.
        source: the dataset with what tasks draw from.
        ids: its utterances.
        tasks: with which rows are composed.
        settings: how rows are laid out and packed.
        loss: mean loss of a batch in evaluation mode, NaN and infinity included. It draws nothing.
        copy: writes the model as it speaks now, of a step, under a folder: its checkpoint, or None in other processes.
    """

    options: TrainOptions
    source: UtteranceSource
    ids: Sequence[str]
    tasks: Sequence[Task]
    settings: RowSettings
    loss: Callable[[RowBatch], float]
    copy: Callable[[Path, int], Path | None]
