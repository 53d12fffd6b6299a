"""What a layout is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, Rejection


@dataclass(kw_only=True, slots=True)
class Found:
    """All that lies in a folder; every audio file and every row of a table is in one of the two lists.

    Attributes:
        recordings: that may become utterances.
        rejected: that cannot, with their reasons.
        languages: tag of a speaker, where the corpus describes its speakers.
        layout: name of what found it.
        notes: lines for the user about what was not used.
        lost: folders that are not there or cannot be looked into, by the path (or id) whose recordings would lie in
            them: if a dataset has utterances of these, a disk or a share is gone (see `losses.py`).
    """

    recordings: list[Recording] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    languages: dict[str, str] = field(default_factory=dict)
    layout: str = ""
    notes: list[str] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)

    def reject(self, id: str, reason: str, detail: str) -> None:
        """Leave one out."""
        self.rejected.append(Rejection(id=id, reason=reason, detail=detail))


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A way in which recordings and transcripts lie.

    Attributes:
        name: for `--layout`.
        looks_for: what it is known by, as messages say it.
        matches: whether that is there; cheap, opens few files.
        find: everything in the source, in any order. Ids name the group first: `{group}/…`.
    """

    name: str
    looks_for: str
    matches: Callable[[Path], bool]
    find: Callable[[Path, PrepareOptions], Found]
