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
        source: recordings in a layout that `valle prepare` knows.
        out: table to write, `NAME.jsonl`; what was transcribed is kept beside it in `NAME.journal.jsonl`.
        beside: write `NAME.txt` and `NAME.json` beside each recording that has no transcript, in place of a table.
        cut: folder for the utterances as files of their own: `{speaker}/NAME-00001230.wav` with `.txt` and `.json`.
        language: tag of all recordings; `auto` lets the recognizer detect each speaker's; none reads it from the
            `.json` beside each recording and detects where there is none.
        align: recordings that have a transcript get the times of their words.
        skip_existing: leave recordings that have a transcript out of the table (else they stand in it with their own).
        min_seconds: utterances shorter than this are left out, and counted.
        max_seconds: utterances are no longer than this, the silence around them included.
        pad: seconds of silence kept on either side of an utterance, where there is that much.
        batch_seconds: seconds of audio transcribed at once, padding included.
        jobs: threads that read and resample.
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
