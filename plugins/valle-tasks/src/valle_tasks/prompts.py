"""Where a prompt is cut from: a window of some utterances, or what was said right before."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import Utterance

_NUMBERED = re.compile(r"^(.*?)(\d+)$", re.S)
_BEYOND = "\U0010ffff"


class Seconds(Protocol):
    """Options of a task that draws how long its prompts are."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def min_seconds(self) -> float: ...
    @property
    def max_seconds(self) -> float: ...


Options = TypeVar("Options", bound=Seconds)


def at_share(options: Options, share: float) -> Options:
    """The options with prompts of one length: the shortest at 0, the longest at 1."""
    seconds = options.min_seconds + share * (options.max_seconds - options.min_seconds)
    return replace(options, min_seconds=seconds, max_seconds=seconds)


def draw_window(
    ids: Sequence[str], pool: Pool, rng: Random, *, frames: int, most: int, but: str
) -> Integer[Tensor, "F Q"] | None:
    """A random window of `frames` from utterances joined until they suffice; all of them where they do not.

    None where there are no utterances. `but` is never among them, even where a pool forgets to leave it out: looking
    at the few that were drawn costs nothing, looking through a speaker's million does.
    """
    pieces: list[Tensor] = []
    for id in rng.sample(ids, min(most, len(ids))):
        if id == but:
            continue
        pieces.append(pool.codes(id))
        if sum(piece.shape[0] for piece in pieces) >= frames:
            break
    if not pieces:
        return None
    joined = torch.cat(pieces)
    start = rng.randint(0, max(0, joined.shape[0] - frames))
    return joined[start : start + frames]


def said_before(utterance: Utterance, pool: Pool, *, frames: int, most: int) -> Integer[Tensor, "F Q"] | None:
    """The last `frames` of up to `most` utterances before this one, in order; None for the first of a recording.

    Utterances of one speaker are of one recording or chapter where their ids are alike but for a number at the end.
    """
    pieces: list[Tensor] = []
    for id in earlier(utterance, pool)[:most]:
        pieces.insert(0, pool.codes(id))
        if sum(piece.shape[0] for piece in pieces) >= frames:
            break
    return torch.cat(pieces)[-frames:] if pieces else None


def earlier(utterance: Utterance, pool: Pool) -> list[str]:
    """Ids of the same recording with a smaller number, the nearest first."""
    found = _NUMBERED.match(utterance.id)
    if found is None:
        return []
    stem, number = found[1], int(found[2])
    others = pool.other(utterance.speaker, utterance.id)  # sorted, so that those with this stem stand together
    alike = others[bisect_left(others, stem) : bisect_left(others, stem + _BEYOND)]
    numbered = [(int(id[len(stem) :]), id) for id in alike if id[len(stem) :].isdecimal()]
    return [id for place, id in sorted(numbered, reverse=True) if place < number]
