"""What `valle prepare-noise` can be configured with (imports nothing heavy)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.config.schema import Schema, Section, Slot
from valle_core.data.options import STORAGES, StorageName
from valle_core.plugin import UserError
from valle_data.preparation.options import NOT_GIVEN


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseOptions:
    """From a folder of noise recordings to a set of noise.

    Attributes:
        source: wav, flac, ogg and mp3 files of any length in folders of any depth; the folder is the label.
        out: folder of the noise set.
        storage: `files` (one per piece), `shards` (for sequential reading) or `hdf5` (one file).
        shard_size: recordings stored at once; what is stored is kept when the preparation is interrupted.
        min_seconds: shorter recordings are left out, and reported.
        piece_seconds: longer recordings are stored in pieces of this length.
        batch_seconds: of short recordings encoded at once, padding included.
    """

    source: Path = NOT_GIVEN
    out: Path = NOT_GIVEN
    storage: StorageName = "files"
    shard_size: int = 64
    min_seconds: float = 0.1
    piece_seconds: float = 300.0
    batch_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.storage not in STORAGES:
            raise UserError(f"storage '{self.storage}' is unknown. Choose one of {', '.join(STORAGES)}")
        if self.shard_size < 1:
            raise UserError(f"shard_size must be at least 1, found {self.shard_size}")
        if not 0 < self.min_seconds < self.piece_seconds:
            raise UserError(
                f"min_seconds must lie between 0 and piece_seconds, found {self.min_seconds} and {self.piece_seconds}"
            )
        if self.batch_seconds <= 0:
            raise UserError(f"batch_seconds must be above 0, found {self.batch_seconds}")


NOISE_SCHEMA = Schema(
    slots=(Slot("codec", "codec", "tiny"),),
    sections=(Section("prepare", NoiseOptions, flat=True, help="Preparation"),),
)
"""The codec whose codes are stored: the one of the speech that the noise is mixed with."""
