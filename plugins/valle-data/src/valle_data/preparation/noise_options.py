"""What `valle prepare-noise` can be configured with (imports nothing heavy)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.config.schema import Schema, Section, Slot
from valle_core.data.options import StorageName
from valle_core.plugin import UserError
from valle_data.preparation.options import NOT_GIVEN, PrepareOptions

LAYOUT = "noise"
_SOUND = 0.01  # seconds that are not silent; what has none has no level for a ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseOptions:
    """From a folder of noise recordings to a set of noise.

    Attributes:
        source: folder of recordings, as FOLDER; its subfolders are the labels.
        out: folder of the noise set.
        storage: storage format: files (one per chunk), shards (for sequential reading) or hdf5 (one file).
        shard_size: recordings per shard, and between two saves.
        min_seconds: leave out recordings shorter than this.
        chunk_seconds: store longer recordings in chunks of this many seconds.
        batch_seconds: seconds of audio to encode at once, padding included.
        jobs: number of threads that read and resample.
        replace: replace the noise set's recordings of other sources, instead of adding to them.
        repair: check a finished noise set, and repair what is missing or damaged.
    """

    source: Path = NOT_GIVEN
    out: Path = NOT_GIVEN
    storage: StorageName = "files"
    shard_size: int = 64
    min_seconds: float = 0.1
    chunk_seconds: float = 300.0
    batch_seconds: float = 60.0
    jobs: int = 2
    replace: bool = False
    repair: bool = False

    def __post_init__(self) -> None:
        if self.min_seconds <= 0:
            raise UserError(f"min_seconds must be above 0, got {self.min_seconds}")
        if self.chunk_seconds < 2 * self.min_seconds:
            raise UserError(
                f"chunk_seconds must be at least 2 * min_seconds ({2 * self.min_seconds:g}), got {self.chunk_seconds:g}"
            )
        _ = self.preparation()

    def preparation(self) -> PrepareOptions:
        """The same for `prepare`, whose checks are meant for speech: of these only those of broken files stay."""
        return PrepareOptions(
            source=self.source,
            out=self.out,
            layout=LAYOUT,
            storage=self.storage,
            shard_size=self.shard_size,
            min_seconds=self.min_seconds,
            max_seconds=self.chunk_seconds,
            batch_seconds=self.batch_seconds,
            jobs=self.jobs,
            replace=self.replace,
            repair=self.repair,
            min_speech=min(_SOUND, self.chunk_seconds),
            max_clipped=1.0,
            min_letters=0.0,
            held_out_fraction=0.0,
            held_out_groups=(),
        )


NOISE_SCHEMA = Schema(
    slots=(Slot("codec", "codec", "tiny"),),
    sections=(Section("prepare", NoiseOptions, flat=True, help="Preparation"),),
)
"""The codec whose codes are stored: the one of the speech that the noise is mixed with."""
