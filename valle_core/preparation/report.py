"""What a preparation found, did and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        languages: utterances by language tag.
        detected: whether the languages were detected, not given.
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
    languages: Mapping[str, int] = field(default_factory=dict)
    detected: bool = False

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

    def languages_text(self) -> str:
        """`language detected: de (12 utterances), fr (8 utterances)`."""
        found = [f"{tag} ({count} utterance{'s' if count != 1 else ''})" for tag, count in self.languages.items()]
        return f"language{'s' if len(found) > 1 else ''} detected: {', '.join(found)}"

    def to_json(self) -> dict[str, Any]:
        """The lasting part: the same however often the preparation was interrupted."""
        return {
            "found": self.found,
            "utterances": self.utterances,
            "seconds": self.seconds,
            "speakers": self.speakers,
            "held_out": self.held_out,
            "languages": dict(self.languages),
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
