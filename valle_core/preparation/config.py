"""What `valle prepare` can be configured with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from valle_core.config.schema import Schema, Section, Slot
from valle_core.data.options import SplitOptions
from valle_core.plugin import UserError
from valle_core.preparation.options import PrepareOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareSettings:
    """From a folder of recordings to a dataset.

    Attributes:
        source: `{group}/{speaker}/*.wav` (or flac, mp3, ogg) with `.txt` beside, `{speaker}/*`, or LJSpeech.
        out: folder of the dataset.
        language: tag of all transcripts; else read from the `.json` beside each recording.
        storage: files (one per utterance) or shards (for sequential reading).
        shard_size: utterances of a shard.
        min_seconds: shorter recordings are left out, and reported.
        max_seconds: longer recordings are left out, and reported.
        batch_seconds: audio encoded at once, padding included.
        jobs: threads that read and resample.
        held_out: share of each speaker's utterances that training never sees.
    """

    source: str = ""
    out: str = ""
    language: str | None = None
    storage: Literal["files", "shards"] = "files"
    shard_size: int = 512
    min_seconds: float = 0.3
    max_seconds: float = 30.0
    batch_seconds: float = 60.0
    jobs: int = 2
    held_out: float = 0.02

    def options(self) -> PrepareOptions:
        """Checked and complete. Raises `UserError` for a missing folder or a value out of range."""
        if not self.source:
            raise UserError("no folder of recordings given; name it: valle prepare FOLDER --out data")
        if not self.out:
            raise UserError("no folder for the dataset given; name it: --out data")
        return PrepareOptions(
            source=Path(self.source),
            out=Path(self.out),
            language=self.language,
            storage=self.storage,
            shard_size=self.shard_size,
            min_seconds=self.min_seconds,
            max_seconds=self.max_seconds,
            batch_seconds=self.batch_seconds,
            jobs=self.jobs,
            split=SplitOptions(fraction=self.held_out),
        )


PREPARE_SCHEMA = Schema(
    slots=(Slot("codec", "codec", "tiny"), Slot("frontend", "frontend", "espeak")),
    sections=(Section("prepare", PrepareSettings, flat=True, help="Preparation"),),
)
