"""Which utterances are held out: a pure function of ids, speakers and options."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from valle_core.plugin import UserError
from valle_data.preparation.voices import source_of


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitOptions:
    """What training never sees.

    Attributes:
        fraction: of each speaker's utterances that is held out: at least one of every speaker who has three or
            more, so that two remain (an utterance and a prompt); 0 holds out none.
        groups: first folders of ids that are held out as a whole, e.g. `held-out/anna/0001`.
    """

    fraction: float = 0.02
    groups: tuple[str, ...] = ("held-out",)

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise UserError(f"held_out_fraction must be in [0, 1), got {self.fraction}")


def held_out_ids(utterances: Iterable[tuple[str, str]], options: SplitOptions) -> tuple[str, ...]:
    """Sorted ids to hold out of (id, speaker) pairs; see `SplitOptions`.

    Within a speaker the ids with the smallest hashes are chosen, so adding utterances moves few others. What was
    made of another recording (`--voice-factors`) is held out with that one and not by itself: both say the same.
    """
    chosen: list[str] = []
    free: dict[str, list[str]] = defaultdict(list)
    speakers = dict(utterances)
    made = {id: source for id, speaker in speakers.items() if (source := source_of(id, speaker)) in speakers}
    for id, speaker in speakers.items():
        if id in made:
            continue
        if id.split("/", 1)[0] in options.groups and "/" in id:
            chosen.append(id)
        else:
            free[speaker].append(id)
    if options.fraction > 0:
        for ids in free.values():
            if len(ids) >= 3:
                count = min(max(1, round(options.fraction * len(ids))), len(ids) - 2)
                chosen.extend(sorted(ids, key=_rank)[:count])
    held_out = frozenset(chosen)
    return tuple(sorted([*chosen, *(id for id, source in made.items() if source in held_out)]))


def _rank(id: str) -> bytes:
    return hashlib.sha256(f"held out {id}".encode()).digest()
