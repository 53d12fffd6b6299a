"""What a preparation found, did and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from valle_core.files import write_json
from valle_data.preparation.noise_options import LAYOUT
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Rejection
from valle_data.preparation.treatment import Treatments

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
        layout: how the recordings lie.
        notes: what else was found that the user should know.
        treatment: what was done to the audio.
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
    layout: str = ""
    notes: Sequence[str] = ()
    treatment: Treatments = field(default_factory=Treatments)

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
        noise = self.layout == LAYOUT
        what = f"pieces of noise with {self.speakers} labels" if noise else f"utterances of {self.speakers} speakers"
        split = "" if noise else f", {self.held_out} held out"
        lines = [
            f"{self.utterances} {what}, {self.seconds / 60:.1f} minutes{split} "
            f"({self.prepared} new, {self.kept} kept, {self.removed} removed)"
        ]
        if self.layout not in ("", "folders", LAYOUT):
            lines[0] += f"; layout {self.layout}"
        if self.rejected:
            lines.append(f"left out {reasons_text(self.reasons)}; see '{self.out / REPORT}'")
        if endings := self.unsupported:
            named = ", ".join(f"{ending} ({count})" for ending, count in endings.items())
            lines.append(f"not read: {named}. Convert them to wav or flac")
        done = self.treatment
        if done.trimmed:
            lines.append(f"cut {done.trimmed_seconds:.1f} s of silence at the ends of {done.trimmed} recordings")
        if done.dead_channels:
            lines.append(f"{done.dead_channels} recordings have a dead channel, which is left out of the mean")
        if done.normalised:
            limited = f", {done.limited} of them less than asked for, so that nothing clips" * bool(done.limited)
            gains = f"{done.lowest_gain:+.1f} … {done.highest_gain:+.1f} dB"
            lines.append(f"loudness of {done.normalised} recordings changed by {gains}{limited}")
        return "\n".join(lines)

    @property
    def unsupported(self) -> dict[str, int]:
        """Endings of audio that cannot be read, and how many files have each."""
        endings = Counter(
            PurePath(rejection.id).suffix.lower() for rejection in self.rejected if rejection.reason == "unsupported"
        )
        return dict(sorted(endings.items()))

    def languages_text(self) -> str:
        """`language detected: de (12 utterances), fr (8 utterances)`."""
        found = [f"{tag} ({count} utterance{'s' if count != 1 else ''})" for tag, count in self.languages.items()]
        return f"language{'s' if len(found) > 1 else ''} detected: {', '.join(found)}"

    def to_json(self) -> dict[str, Any]:
        """The lasting part: the same however often the preparation was interrupted."""
        return {
            "layout": self.layout,
            "found": self.found,
            "utterances": self.utterances,
            "seconds": self.seconds,
            "speakers": self.speakers,
            "held_out": self.held_out,
            "languages": dict(self.languages),
            "rejected": self.reasons,
            "unsupported": self.unsupported,
            "notes": list(self.notes),
            "treatment": self.treatment.to_json(),
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


def nothing_usable(report: PrepareReport, options: PrepareOptions) -> str:
    """Why a dataset would be empty: the counts, and for each filter what it measured against its bound."""
    messages = [f"nothing in '{options.source}' can be used: {reasons_text(report.reasons)}"]
    for reason, name, word, unit in (
        ("too-short", "min_seconds", "last", " s"),
        ("too-long", "max_seconds", "last", " s"),
        ("silent", "min_speech", "hold sound for", " s"),
        ("clipped", "max_clipped", "lie at the peak for", ""),
        ("too-fast", "max_letters", "have", " letters a second"),
        ("too-slow", "min_letters", "have", " letters a second"),
        ("other-text", "min_match", "hold", " of the phonemes of their text"),
    ):
        found = [one.measured for one in report.rejected if one.reason == reason and one.measured is not None]
        if found:
            flag = f"--{name.replace('_', '-')} {getattr(options, name):g}"
            span = f"{min(found):.2f} … {max(found):.2f}{unit}" if len(found) > 1 else f"{found[0]:.2f}{unit}"
            messages.append(f"those that are {reason} {word} {span}, but {flag} was asked for")
    most = max(report.reasons, key=report.reasons.__getitem__)
    example = next(one for one in report.rejected if one.reason == most)
    messages.append(f"e.g. {example.detail.rstrip('. ')}")
    return f"{'; '.join(messages)}. All reasons are in '{report.out / REPORT}'"
