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
        out: folder of the run: config.yaml, metrics.jsonl, loss.png, checkpoints.
        resume: continue from the newest checkpoint of the run; with --config RUN/config.yaml the run is RUN.
        checkpoint: continue from this checkpoint of it instead, e.g. step-00000500; newer ones are set aside.
        init_from: run or checkpoint folder whose weights a new run starts from.
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
        path: folder that `valle prepare` wrote.
        noise: folder that `valle prepare-noise` wrote, for tasks that ask for noise.
        mixes: folder in which mixed sounds are kept for the next time; `mixes` inside the dataset unless named.
        mixes_gb: most gigabytes that are kept there; 0 keeps none.
        workers: processes that draw, mix and pack batches ahead of the training; 0 does it in between; at most 256.
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
