"""How a dataset is stored, split and batched, as plain options (imports nothing heavy)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from valle_core.plugin import UserError

StorageName = Literal["files", "shards", "hdf5"]
"""How records lie on disk: a file each; many in one file for sequential reading; all in one HDF5 file."""

STORAGES: tuple[StorageName, ...] = get_args(StorageName)


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchOptions:
    """Batches bounded by what their rows hold.

    Attributes:
        seconds: maximum size of a batch in seconds per process, prompts, text (a frame for each symbol) and padding
            included; a row that is longer is a batch of its own.
        buckets: number of buckets of similar duration; more buckets mean less padding and less shuffling.
        min_seconds: leave out utterances shorter than this.
        max_seconds: leave out utterances longer than this; none: `seconds`.
        order: order of utterances: random, interleaved (speakers take turns) or by-speaker (one speaker per batch).
        seed: random seed of the order, combined with the epoch.
        curriculum: number of batches of a process over which the maximum duration of an utterance grows from
            `curriculum_seconds` to the longest of the dataset; 0: off.
        curriculum_seconds: maximum duration of an utterance at the start of the curriculum.
    """

    seconds: float = 120.0
    buckets: int = 8
    min_seconds: float = 0.0
    max_seconds: float | None = None
    order: Literal["random", "interleaved", "by-speaker"] = "random"
    seed: int = 0
    curriculum: int = 0
    curriculum_seconds: float = 3.0

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise UserError(f"batch seconds must be above 0, got {self.seconds}")
        if self.buckets < 1:
            raise UserError(f"batch buckets must be at least 1, got {self.buckets}")
        if self.order not in ("random", "interleaved", "by-speaker"):
            raise UserError(f"batch order '{self.order}' is unknown. Choose random, interleaved or by-speaker")
        if self.max_seconds is not None and self.max_seconds < self.min_seconds:
            raise UserError(f"max_seconds must be at least min_seconds {self.min_seconds}, got {self.max_seconds}")
        if self.curriculum < 0:
            raise UserError(f"batch curriculum must be at least 0 batches, got {self.curriculum}")
        if self.curriculum and self.curriculum_seconds <= self.min_seconds:
            raise UserError(
                f"curriculum_seconds must be above min_seconds {self.min_seconds}, got {self.curriculum_seconds}"
            )
