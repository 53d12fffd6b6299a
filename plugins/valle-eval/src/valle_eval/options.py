"""Options of `valle eval` (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalOptions:
    """What is judged, and where the result goes.

    Attributes:
        table: audio with its text: .jsonl, .csv or .tsv (columns audio, text; also reference, voice), or a folder of wav and txt
        out: folder of the result; a run that was stopped goes on there
        name: of the run; default: that of the folder
        against: result.json of earlier runs, to compare with
        control: also judge by what should not be: shuffled-text, other-voice
        limit: judge the first sentences only; 0: all
        language: tag of the sentences that name none
        device: torch device of the judges: auto, cpu, cuda
    """  # noqa: E501

    table: Path | None = None
    out: Path = Path("evaluation")
    name: str = ""
    against: tuple[Path, ...] = ()
    control: tuple[str, ...] = ()
    limit: int = 0
    language: str = "en"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise UserError(f"limit must be at least 0, got {self.limit}")
        known = ("shuffled-text", "other-voice")
        for name in self.control:
            if name not in known:
                raise UserError(f"there is no control '{name}'. Choose from {', '.join(known)}")
