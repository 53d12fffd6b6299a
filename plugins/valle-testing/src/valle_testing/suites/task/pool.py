"""A small corpus whose every code tells where it comes from, for the suite of tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from random import Random

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.interfaces import Task
from valle_core.types import TaskInputs, TaskSequence, Utterance

Build = Callable[[], Task]
"""Makes a task; utterances of 6 to 14 seconds must be long enough for its options."""

LEVELS = 4
RATE = 10.0
SPEAKERS = ("anna", "bert")


def frames_of(start: int, frames: int) -> Int[Tensor, "F Q"]:
    """Codes of which none occurs in another frame or level."""
    return (start + torch.arange(frames))[:, None] * LEVELS + torch.arange(LEVELS)


MIXED = 10_000_000
NOISE = 20_000_000
"""Added to the codes of a mix and of noise, so that they are told from all others."""


class CorpusPool:
    """Two speakers; a `Pool` that notes what it is asked for.

    Attributes:
        asked: (speaker, exclude) of each call of `other`.
        fetched: ids whose codes were given.
        misused: what the contract does not allow to be asked, in words.
    """

    def __init__(self, *, utterances: int = 5, frames: int | None = None) -> None:
        self.asked: list[tuple[str, str]] = []
        self.fetched: list[str] = []
        self.misused: list[str] = []
        self._all: dict[str, Utterance] = {}
        for s, speaker in enumerate(SPEAKERS):
            for number in range(utterances):
                place = s * utterances + number
                self._all[f"{speaker}/{number}"] = Utterance(
                    id=f"{speaker}/{number}",
                    speaker=speaker,
                    language=s + 1,
                    symbols=torch.arange(5 + number) + 40 * s,
                    codes=frames_of(1000 * (place + 1), frames or 60 + 20 * number),
                    written=f"Étude no. {place}",
                )

    def ids(self) -> list[str]:
        """All ids, sorted."""
        return sorted(self._all)

    def utterance(self, id: str) -> Utterance:
        """One of them."""
        return self._all[id]

    def utterances(self) -> list[Utterance]:
        """All of them, by id."""
        return [self._all[id] for id in self.ids()]

    def other(self, speaker: str, exclude: str) -> Sequence[str]:
        """See `Pool.other`."""
        self.asked.append((speaker, exclude))
        return [id for id in self.ids() if self._all[id].speaker == speaker and id != exclude]

    def speakers(self) -> Sequence[str]:
        """See `Pool.speakers`."""
        return SPEAKERS

    def similar(self, id: str, n: int, *, across: bool = False) -> Sequence[str]:
        """See `Pool.similar`: the utterances whose number is nearest."""
        if not (isinstance(n, int) and n >= 1):
            self.misused.append(f"similar('{id}', {n!r}): n is not a whole number of 1 or more")
            n = 1
        speaker, number = self._all[id].speaker, int(id.rpartition("/")[2])
        others = [one for one in self.ids() if one != id and (across or self._all[one].speaker == speaker)]
        return sorted(others, key=lambda one: (abs(int(one.rpartition("/")[2]) - number), one))[:n]

    def codes(self, id: str) -> Int[Tensor, "F Q"]:
        """See `Pool.codes`."""
        self.fetched.append(id)
        return self._all[id].codes

    def noise(self, frames: int, rng: Random, *, label: str | None = None) -> Int[Tensor, "F Q"]:
        """See `Pool.noise`: codes that are nobody's, from a start that `rng` draws."""
        if not (isinstance(frames, int) and frames >= 1):
            self.misused.append(f"noise({frames!r}, …): frames are no whole number of 1 or more")
            frames = 1
        return frames_of(NOISE + rng.randrange(1000), frames)

    def mix(self, a: Int[Tensor, "F Q"], b: Int[Tensor, "G Q"], db: float) -> Int[Tensor, "F Q"]:
        """See `Pool.mix`: the codes of a, moved to where no others are, by what b and `db` are."""
        for name, codes in (("a", a), ("b", b)):
            if codes.ndim != 2 or codes.shape[1] != LEVELS or not len(codes) or codes.is_floating_point():
                self.misused.append(
                    f"mix(a, b, db): {name} is {codes.dtype} {list(codes.shape)}, no codes [frames ≥ 1, {LEVELS}]"
                )
                return a.long()
        if not math.isfinite(db):
            self.misused.append(f"mix(a, b, {db}): no ratio")
            return a.long()
        return a + MIXED + LEVELS * (int(b.sum()) % 89 + round(db) % 101)

    def mix_all(
        self, pairs: Sequence[tuple[Int[Tensor, "F Q"], Int[Tensor, "G Q"], float]]
    ) -> Sequence[Int[Tensor, "F Q"]]:
        """See `Pool.mix_all`."""
        return [self.mix(a, b, db) for a, b, db in pairs]


def drawn(task: Task, seeds: Sequence[int]) -> Iterator[tuple[str, TaskInputs]]:
    """What it draws for every utterance and seed, where it does."""
    for utterance in CorpusPool().utterances():
        for seed in seeds:
            inputs = task.draw(utterance, CorpusPool(), Random(f"{seed} {utterance.id}"), frame_rate=RATE)
            if inputs is not None:
                yield f"'{utterance.id}', seed {seed}", inputs


def tensors_of(inputs: TaskInputs) -> dict[str, Tensor]:
    """By name."""
    return {"text": inputs.text, "prompt": inputs.prompt, "response": inputs.response}


def same_inputs(one: TaskInputs | None, other: TaskInputs | None) -> bool:
    """Whether two draws gave the same."""
    if one is None or other is None:
        return one is other
    pairs = zip(tensors_of(one).values(), tensors_of(other).values(), strict=True)
    return (one.language, one.tone) == (other.language, other.tone) and all(torch.equal(a, b) for a, b in pairs)


def shared_frames(prompt: Int[Tensor, "F Q"], response: Int[Tensor, "G L"]) -> int:
    """Frames of the prompt that hold a code of the response."""
    return int(torch.isin(prompt, response).any(-1).sum()) if prompt.numel() and response.numel() else 0


def same_segments(one: TaskSequence, other: TaskSequence, *, but: str = "") -> str:
    """The first thing in which two rows differ (role `but` aside), or ""."""
    roles = [[segment.role for segment in row.segments] for row in (one, other)]
    if roles[0] != roles[1]:
        return f"roles {roles[0]} and {roles[1]}"
    for a, b in zip(one.segments, other.segments, strict=True):
        if a.role != but and not (a.tokens.dtype == b.tokens.dtype and torch.equal(a.tokens, b.tokens)):
            return a.role
    for fact in ("level", "causal", "language", "output", "continues"):
        if getattr(one, fact) != getattr(other, fact):
            return fact
    return ""
