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
        table: audio with text (.jsonl, .csv, .tsv, or a folder of wav and txt); with --preset, the folder of that set
        out: folder of the result; a run that was stopped goes on there
        name: title of the page; default: name of the folder
        preset: sentences of a known set: box (composed, 200 or with --full 1,000), seed-tts, librispeech-pc
        full: box: all 1,000 sentences
        voices: folder or table of recordings; sentence k is said in voice k
        references: table of recordings of the same texts
        audio: folder of ID.wav: speech that another system made of the preset's sentences
        export: write the sentences to this file, one per line, and judge nothing
        ceiling: also judge what the codec alone makes of the recordings
        levels: levels of the codec's codes for --ceiling; 0: all
        control: also judge what should be bad: shuffled-text, other-voice, untrained
        against: result.json of earlier runs, to compare with and to show beside
        limit: the first sentences only; 0: all
        language: tag of the sentences that name none
        batch: sentences that are spoken at once; 1 for a real-time factor of its own
        seed: random seed; sentence k is spoken with seed + k
        max_duration: longest answer in seconds; what runs into it has not ended by itself
        split: say a long text sentence by sentence, or as one
        listen: sentences with players and spectrograms on the page
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
