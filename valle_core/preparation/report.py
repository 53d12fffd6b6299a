"""What a preparation found, did and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.files import write_json
from valle_core.preparation.recordings import Rejection

REPORT = "report.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareReport:
    """The result of `prepare`.

    Attributes:
        out: the dataset's folder.
        found: audio files looked at.
        prepared: utterances made by this run.
        kept: utterances that were there already.
        removed: utterances dropped because their recording is gone.
        rejected: recordings left out, sorted by id.
        seconds: of audio in the dataset.
        speakers: how many.
        held_out: utterances that training never sees.
    """

    out: Path
    found: int
    prepared: int
    kept: int
    removed: int
    rejected: Sequence[Rejection]
    seconds: float
    speakers: int
    held_out: int

    @property
    def utterances(self) -> int:
        """In the dataset."""
        return self.prepared + self.kept

    @property
    def reasons(self) -> dict[str, int]:
        """How many recordings were left out for each reason."""
        return dict(sorted(Counter(rejection.reason for rejection in self.rejected).items()))

    def summary(self) -> str:
        """A few lines for a person."""
        lines = [
            f"{self.utterances} utterances of {self.speakers} speakers, {self.seconds / 60:.1f} minutes, "
            f"{self.held_out} held out ({self.prepared} new, {self.kept} kept, {self.removed} removed)"
        ]
        if self.rejected:
            lines.append(f"left out {reasons_text(self.reasons)}; see '{self.out / REPORT}'")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The lasting part: the same however often the preparation was interrupted."""
        return {
            "found": self.found,
            "utterances": self.utterances,
            "seconds": self.seconds,
            "speakers": self.speakers,
            "held_out": self.held_out,
            "rejected": self.reasons,
            "details": [
                {"id": rejection.id, "reason": rejection.reason, "detail": rejection.detail}
                for rejection in self.rejected
            ],
        }

    def write(self) -> None:
        """Write it as JSON beside the dataset."""
        write_json(self.out / REPORT, self.to_json())


def reasons_text(reasons: dict[str, int]) -> str:
    """`3 recordings (2 too-short, 1 no-transcript)`."""
    total = sum(reasons.values())
    parts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    return f"{total} recording{'s' if total != 1 else ''} ({parts})"
