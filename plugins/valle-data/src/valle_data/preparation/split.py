"""Which utterances are held out: a pure function of ids, speakers and options."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from valle_core.data.options import SplitOptions


def held_out_ids(utterances: Iterable[tuple[str, str]], options: SplitOptions) -> tuple[str, ...]:
    """Sorted ids to hold out of (id, speaker) pairs; see `SplitOptions`.

    Within a speaker the ids with the smallest hashes are chosen, so adding utterances moves few others.
    """
    chosen = []
    free: dict[str, list[str]] = defaultdict(list)
    for id, speaker in utterances:
        if id.split("/", 1)[0] in options.groups and "/" in id:
            chosen.append(id)
        else:
            free[speaker].append(id)
    if options.fraction > 0:
        for ids in free.values():
            if len(ids) >= 3:
                count = min(max(1, round(options.fraction * len(ids))), len(ids) - 2)
                chosen.extend(sorted(ids, key=_rank)[:count])
    return tuple(sorted(chosen))


def _rank(id: str) -> bytes:
    return hashlib.sha256(f"held out {id}".encode()).digest()
