"""What `valle train` can be configured with."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.config.schema import Schema, Section, Slot
from valle_core.data.options import BatchOptions
from valle_core.plugin import UserError
from valle_core.training.options import TrainOptions

_MAX_WORKERS = 256  # each is a process; a slip of the finger must not take the machine down


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """Where a run writes.

    Attributes:
        out: folder of the run, for config.yaml, metrics.jsonl, loss.png and checkpoints.
        resume: resume from the newest checkpoint of the run; with --config RUN/config.yaml the run is RUN.
        checkpoint: checkpoint to resume from instead, e.g. step-00000500; newer ones are set aside.
        init_from: run or checkpoint folder to initialise the weights of a new run from.
    """

    out: str = ""
    resume: bool = False
    checkpoint: str = ""
    init_from: str = ""

    def __post_init__(self) -> None:
        if self.checkpoint and not self.resume:
            raise UserError(
                "--checkpoint chooses where --resume goes on; give both, or --init-from the checkpoint's folder"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class DataOptions:
    """What a run reads.

    Attributes:
        path: dataset made by `valle prepare`.
        noise: noise set made by `valle prepare-noise`, for tasks that use noise.
        mixes: folder to cache mixed audio in; left out: `mixes` inside the dataset.
        mixes_gb: maximum size of that cache in gigabytes; 0: no cache.
        workers: number of processes that prepare batches ahead of training, in [0, 256]; 0: none.
    """

    path: str = ""
    noise: str = ""
    mixes: str = ""
    mixes_gb: float = 1.0
    workers: int = 0

    def __post_init__(self) -> None:
        if self.mixes_gb < 0:
            raise UserError(f"mixes_gb must be at least 0, got {self.mixes_gb}")
        if not 0 <= self.workers <= _MAX_WORKERS:
            raise UserError(f"data workers must be in [0, {_MAX_WORKERS}], got {self.workers}")


TRAIN_SCHEMA = Schema(
    slots=(
        *(slot for slot in MODEL_SCHEMA.slots if slot.name != "alignment"),
        Slot("alignment", "alignment", "auto", open="auto"),
        Slot("codec", "codec", None),
        Slot("task", "task", ("tts",), many=True),
        Slot("optimizer", "optimizer", "adamw", open="adamw"),
        Slot("schedule", "schedule", "cosine", open="cosine"),
        Slot("loss", "loss", None, many=True),
    ),
    sections=(
        Section("run", RunOptions, flat=True, help="Run"),
        Section("data", DataOptions, help="Data", main="path"),
        Section("train", TrainOptions, flat=True, help="Training"),
        *MODEL_SCHEMA.sections,
        Section("batching", BatchOptions, help="Batches"),
    ),
)
"""Slots and sections of a training run; the codec is the dataset's unless named, and must be the same."""
