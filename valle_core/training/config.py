"""What `valle train` can be configured with."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.config.schema import Schema, Section, Slot
from valle_core.data.options import BatchOptions
from valle_core.training.options import TrainOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """Where a run reads and writes.

    Attributes:
        data: folder that `valle prepare` wrote.
        out: folder of the run: config.yaml, metrics.jsonl, loss.png, checkpoints.
        resume: continue from the newest checkpoint of the run.
    """

    data: str = ""
    out: str = ""
    resume: bool = False


TRAIN_SCHEMA = Schema(
    slots=(
        *MODEL_SCHEMA.slots,
        Slot("codec", "codec", None),
        Slot("task", "task", ("tts",), many=True),
    ),
    sections=(
        Section("run", RunOptions, flat=True, help="Run"),
        Section("train", TrainOptions, flat=True, help="Training"),
        *MODEL_SCHEMA.sections,
        Section("batching", BatchOptions, help="Batches"),
    ),
)
"""Slots and sections of a training run; the codec is the dataset's unless named, and must be the same."""
