"""What `valle prepare` is asked to do, as plain options (imports nothing heavy)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.data.options import STORAGES, SplitOptions, StorageName
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareOptions:
    """From a folder of recordings to a dataset.

    Attributes:
        source: `{group}/{speaker}/*.wav` (or flac, mp3, ogg) with `.txt` beside, `{speaker}/*`, or LJSpeech.
        out: the dataset's folder.
        language: tag of all transcripts; `auto` detects each speaker's (`auto:en-gb,fr` among these); None reads it
            from the `.json` beside each recording.
        storage: `files` (one per utterance), `shards` (for sequential reading) or `hdf5` (one file).
        shard_size: utterances of a shard; of `hdf5`, of a part that is kept when the preparation is interrupted.
        min_seconds: shorter recordings are left out, and reported.
        max_seconds: longer recordings are left out, and reported.
        batch_seconds: of audio encoded at once, padding included.
        jobs: threads that read and resample.
        phoneme_cache: file of phonemes that other datasets and ranks share; it is made where it does not exist.
        held_out_fraction: of each speaker's utterances; see `SplitOptions`.
        held_out_groups: groups that training never sees.
    """

    source: Path = Path()
    out: Path = Path()
    language: str | None = None
    storage: StorageName = "files"
    shard_size: int = 512
    min_seconds: float = 0.3
    max_seconds: float = 30.0
    batch_seconds: float = 60.0
    jobs: int = 2
    phoneme_cache: Path | None = None
    held_out_fraction: float = 0.02
    held_out_groups: tuple[str, ...] = ("held-out",)

    def __post_init__(self) -> None:
        if self.storage not in STORAGES:
            raise UserError(f"storage '{self.storage}' is unknown. Choose one of {', '.join(STORAGES)}")
        for name in ("shard_size", "jobs"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, found {getattr(self, name)}")
        if not 0 <= self.min_seconds < self.max_seconds:
            raise UserError(
                f"min_seconds must lie in [0, max_seconds), found {self.min_seconds} and {self.max_seconds}"
            )
        if self.batch_seconds <= 0:
            raise UserError(f"batch_seconds must be above 0, found {self.batch_seconds}")
        _ = self.split

    @property
    def split(self) -> SplitOptions:
        """What is held out."""
        return SplitOptions(fraction=self.held_out_fraction, groups=self.held_out_groups)
