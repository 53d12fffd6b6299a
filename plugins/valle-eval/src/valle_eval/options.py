"""Options of `valle eval` (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from valle_core.plugin import UserError

CONTROLS = ("shuffled-text", "other-voice", "untrained")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalOptions:
    """What is judged, and where the result goes.

    Attributes:
        table: audio with texts to evaluate (.jsonl, .csv, .tsv, or a folder of .wav and .txt files); with --preset: the
            folder of that test set
        out: folder for the results; the same command resumes an interrupted evaluation
        name: title of the report; left out: name of the --out folder
        preset: test set to synthesize: box (generated, 200 sentences, or 1,000 with --full), seed-tts or librispeech-pc
        full: use all 1,000 sentences of the preset box
        voices: folder or table of voice prompts; sentence k is synthesized in voice k
        references: table of reference recordings of the same texts
        audio: folder of files ID.wav: speech of another system for the preset's sentences
        export: text file to write the sentences to, one per line, instead of evaluating
        ceiling: also evaluate the recordings encoded and decoded by the codec, the upper limit of quality
        levels: number of codec levels for --ceiling; 0: all
        control: also evaluate a control that must score badly: shuffled-text, other-voice or untrained; may be repeated
        against: result.json of an earlier run to compare with; may be repeated
        limit: evaluate the first sentences only, this many; 0: all
        language: language tag of sentences that have none
        batch: number of sentences to synthesize at once; 1 measures the real-time factor of each
        seed: random seed; sentence k is synthesized with seed + k
        max_duration: maximum duration of a sentence in seconds; longer output is truncated and counted as not ended
        split: synthesize a long text sentence by sentence, or in one piece (none)
        listen: number of sentences with audio players and spectrograms in the report
    """

    table: Path | None = None
    out: Path = Path("evaluation")
    name: str = ""
    preset: Literal["", "box", "seed-tts", "librispeech-pc"] = ""
    full: bool = False
    voices: Path | None = None
    references: Path | None = None
    audio: Path | None = None
    export: Path | None = None
    ceiling: bool = False
    levels: int = 0
    control: tuple[str, ...] = ()
    against: tuple[Path, ...] = ()
    limit: int = 0
    language: str = "en"
    batch: int = 1
    seed: int = 0
    max_duration: float = 40.0
    split: Literal["none", "sentences"] = "none"
    listen: int = 20

    def __post_init__(self) -> None:
        for name, bound in (("limit", 0), ("levels", 0), ("seed", 0), ("listen", 0), ("batch", 1)):
            if getattr(self, name) < bound:
                raise UserError(f"{name} must be at least {bound}, got {getattr(self, name)}")
        if not 0 < self.max_duration <= 3600:
            raise UserError(f"max_duration must be in (0, 3600], got {self.max_duration:g}")
        for name in self.control:
            if name not in CONTROLS:
                raise UserError(f"there is no control '{name}'. Choose from {', '.join(CONTROLS)}")
        if self.full and self.preset != "box":
            raise UserError("--full belongs to --preset box. Leave it out, or use --limit")
        if self.preset == "box" and self.table is not None:
            raise UserError(f"--preset box has its own sentences and takes no '{self.table}'. Leave one of both out")
        if self.preset in ("seed-tts", "librispeech-pc") and self.table is None:
            raise UserError(
                f"--preset {self.preset} needs the folder of that set: valle eval FOLDER --preset {self.preset}"
            )
