"""Which utterances the chosen tasks cannot use, counted by reason before a run begins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from valle_core.plugin import UserError
from valle_core.training.examples import named, refusal
from valle_core.training.rows import RowMaker

MOST = 1000
"""Utterances that are looked at, evenly spread; a task that mixes sounds is slow, so it is also a matter of seconds."""

_SECONDS = 5.0


def survey(maker: RowMaker, ids: Sequence[str]) -> str:
    """One line about what is left out, "" where every task can use every utterance.

    Raises:
        UserError: no task can use any of them; or noise, an index of similar utterances or the codec is missing.
    """
    stride = max(1, -(-len(ids) // MOST))
    reasons = Counter[str]()
    examined = usable = left = 0
    begun = time.perf_counter()
    for id in ids[::stride]:
        tasks, found = maker.usable(id)
        reasons.update(found)
        examined, usable, left = examined + 1, usable + bool(tasks), left + bool(found)
        if time.perf_counter() - begun > _SECONDS:
            break
    if not usable and examined == len(ids):
        raise UserError(refusal(reasons, examined))
    if not left:
        return ""
    seen = f"{examined} utterances" if examined == len(ids) else f"{examined} utterances examined ({len(ids)} in all)"
    return f"{left} of {seen} are left out: {named(reasons)}"
