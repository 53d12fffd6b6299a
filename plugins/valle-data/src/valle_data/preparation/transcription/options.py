"""What `valle transcribe` is asked to do, as plain options (imports nothing heavy)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError
from valle_data.preparation.options import NOT_GIVEN


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscribeOptions:
    """From recordings without transcripts to utterances with them.

    Attributes:
        source: folder of recordings, as FOLDER.
        out: table to write, `NAME.jsonl`; finished transcripts are kept in `NAME.journal.jsonl`, to resume from.
        beside: write `NAME.txt` and `NAME.json` beside each recording without transcript, instead of a table.
        cut: folder to write the utterances to as audio files, `{speaker}/NAME-00001230.wav` with `.txt` and `.json`.
        language: language tag of all recordings; `auto` detects each speaker's; none: read from the `.json` beside each
            recording, or detected.
        align: align recordings that have a transcript, for word timestamps.
        skip_existing: leave recordings that have a transcript out of the table.
        min_seconds: leave out utterances shorter than this.
        max_seconds: maximum duration of an utterance, with the silence around it; longer ones are cut at pauses.
        pad: silence to keep on either side of an utterance, in seconds in [0, 5].
        batch_seconds: seconds of audio to transcribe at once, padding included.
        jobs: number of threads that read and resample.
    """

    source: Path = NOT_GIVEN
    out: Path = NOT_GIVEN
    beside: bool = False
    cut: Path | None = None
    language: str | None = None
    align: bool = False
    skip_existing: bool = False
    min_seconds: float = 0.5
    max_seconds: float = 20.0
    pad: float = 0.2
    batch_seconds: float = 120.0
    jobs: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.min_seconds < self.max_seconds:
            raise UserError(f"min_seconds must be in [0, max_seconds), got {self.min_seconds} and {self.max_seconds}")
        if not 0 <= self.pad <= 5:
            raise UserError(f"pad must be in [0, 5] seconds, got {self.pad}")
        if self.batch_seconds <= 0:
            raise UserError(f"batch_seconds must be above 0, got {self.batch_seconds}")
        if self.jobs < 1:
            raise UserError(f"jobs must be at least 1, got {self.jobs}")
        if self.beside and self.out is not NOT_GIVEN:
            raise UserError("both --beside and --out are given: write beside the recordings or into a table")
        if self.out is not NOT_GIVEN and self.out.suffix != ".jsonl":
            raise UserError(f"--out {self.out}: the table is JSON lines; let its name end in .jsonl")
