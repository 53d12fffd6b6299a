"""What a transcription found, did and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valle_core.files import write_json
from valle_data.preparation.recordings import Rejection


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscribeReport:
    """The result of `transcribe`.

    Attributes:
        out: the table, or the folder of the recordings where they were written beside them.
        path: of the report itself.
        found: audio files looked at.
        transcribed: recordings transcribed or aligned by this run.
        kept: recordings whose result was there already.
        existing: recordings with a transcript of their own.
        aligned: of these, with the times of their words.
        utterances: written.
        seconds: of audio in them.
        speakers: how many.
        too_short, too_long: stretches of speech that could not be given a length within the bounds.
        rejected: recordings with nothing to show, or whose words could not be timed, sorted by id.
        languages: utterances by language tag.
        files: written beside recordings, or cut.
    """

    out: Path
    path: Path
    found: int
    transcribed: int
    kept: int
    existing: int
    aligned: int
    utterances: int
    seconds: float
    speakers: int
    too_short: int
    too_long: int
    rejected: Sequence[Rejection]
    languages: Mapping[str, int] = field(default_factory=dict)
    files: int = 0

    @property
    def reasons(self) -> dict[str, int]:
        """How many recordings there are for each reason."""
        return dict(sorted(Counter(rejection.reason for rejection in self.rejected).items()))

    def summary(self) -> str:
        """A few lines for a person."""
        lines = [
            f"{self.utterances} utterances of {self.speakers} speakers, {self.seconds / 60:.1f} minutes "
            f"({self.transcribed} recordings transcribed, {self.kept} kept, "
            f"{self.existing} with a transcript of their own)"
        ]
        if self.aligned:
            lines.append(f"words timed in {self.aligned} recordings")
        if self.files:
            lines.append(f"{self.files} files written")
        if self.too_short or self.too_long:
            lines.append(f"stretches of speech left out: {self.too_short} too short, {self.too_long} too long")
        if self.rejected:
            parts = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items())
            lines.append(f"recordings with trouble: {parts}; see '{self.path}'")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The lasting part: the same however often the transcription was interrupted."""
        return {
            "found": self.found,
            "existing": self.existing,
            "aligned": self.aligned,
            "utterances": self.utterances,
            "seconds": self.seconds,
            "speakers": self.speakers,
            "languages": dict(self.languages),
            "too_short": self.too_short,
            "too_long": self.too_long,
            "rejected": self.reasons,
            "details": [{"id": one.id, "reason": one.reason, "detail": one.detail} for one in self.rejected],
        }

    def write(self) -> None:
        """As JSON beside what it reports on."""
        write_json(self.path, self.to_json())
