"""Several sources in one dataset: who brought which utterance, what stays, and what only seems to be gone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from valle_core.plugin import UserError
from valle_data.preparation.finished import Finished
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, Rejection

_UNKNOWN = "an earlier preparation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """What of a dataset belongs to the source that is prepared now, and what to others.

    Attributes:
        source: the one that is prepared now, see `name_of`.
        recordings: of it, sorted by id, without those that another source has under the same id.
        others: id → source of what others brought and what stays; "" where that is not known.
        rejected: recordings of this source whose id is that of another recording of another source.
        notes: for the user.
    """

    source: str
    recordings: Sequence[Recording]
    others: Mapping[str, str] = field(default_factory=dict)
    rejected: Sequence[Rejection] = ()
    notes: Sequence[str] = ()

    def owner(self, id: str) -> str:
        """Who brought it, as `sources.jsonl` keeps it."""
        return self.others.get(id, self.source)


def name_of(options: PrepareOptions) -> str:
    """The source as a dataset remembers it: its path, and the options that choose what is read of it."""
    words = [os.path.realpath(options.source)]
    words += [f"--tables {','.join(options.tables)}"] if options.tables else []
    words += [f"--recipe {options.recipe}"] if options.recipe else []
    words += [f"--microphone {options.microphone}"] if options.microphone != "mic1" else []
    return " ".join(words)


def share_out(found: Found, finished: Finished, options: PrepareOptions) -> Shares:
    """Tell what is this source's from what others brought before.

    What others brought stays, unless `options.replace`. An id belongs to the source that brought it: another recording
    of this name is left out, the same one is left alone. The recordings of a source that is gone, or of one
    that was not written down, are this one's if it has them.
    """
    name, recordings = name_of(options), {one.id: one for one in found.recordings}
    if options.replace:
        return Shares(source=name, recordings=found.recordings)
    others: dict[str, str] = {}
    rejected: list[Rejection] = []
    is_there: dict[str, bool] = {}
    for id, stamp in finished.stamps.items():
        owner, mine = finished.sources.get(id, ""), recordings.get(id)
        if owner == name:
            continue
        if mine is not None:
            there = is_there.setdefault(owner, os.path.exists(owner) or os.path.exists(owner.split(" --")[0]))
            if not there or id in finished.rejections:
                continue
            if mine.stamp() != stamp:
                detail = f"'{mine.audio}' has the name of a recording of '{owner}' that is in the dataset. Rename it"
                rejected.append(Rejection(id=id, reason="same-name", detail=detail))
        others[id] = owner
    left = [one for one in found.recordings if one.id not in others]
    return Shares(
        source=name,
        recordings=left,
        others=others,
        rejected=rejected,
        notes=_notes(others, rejected, finished, options),
    )


def _notes(
    others: Mapping[str, str], rejected: Sequence[Rejection], finished: Finished, options: PrepareOptions
) -> list[str]:
    """What stays, what is left out for it, and how to have it otherwise."""
    notes = []
    counts = Counter(owner or _UNKNOWN for id, owner in others.items() if id not in finished.rejections)
    if counts:
        named = ", ".join(f"{count} of '{owner}'" for owner, count in sorted(counts.items()))
        notes.append(f"utterances of other sources stay: {named}. --replace keeps those of '{options.source}' alone")
    if rejected:
        notes.append(
            f"{len(rejected)} recordings of '{options.source}' have the names of others in the dataset and are left "
            f"out, e.g. '{rejected[0].id}'. --replace takes them in place of those"
        )
    return notes


def refuse_losses(lost: Mapping[str, str], gone: Iterable[str]) -> None:
    """Stop before utterances are dropped whose folder is not there, or empty: their disk or share is gone.

    Args:
        lost: see `Found.lost`.
        gone: ids of utterances of the dataset without a recording.

    Raises:
        UserError: names the folder.
    """
    if not lost:
        return
    counts: Counter[str] = Counter()
    for id in gone:
        parts = id.split("/")
        above = ("/".join(parts[:length]) for length in range(len(parts), -1, -1))
        if (key := next((one for one in above if one in lost), None)) is not None:
            counts[lost[key]] += 1
    if counts:
        folder, count = counts.most_common(1)[0]
        raise UserError(
            f"the recordings in '{folder}' vanished: the dataset has {count} utterances of them, but the folder is not "
            "there or empty. Bring it back (is its disk or share mounted?) and run the same command again; if they "
            "are to go, remove what leads there: the empty folder, the link, or the rows of the table"
        )
