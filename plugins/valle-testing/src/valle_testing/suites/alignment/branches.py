"""Whether every beginning that a search follows keeps its own place in the text."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import SkipTest

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Follow
from valle_core.sequence.alignment import Alignment, Branching, Walk
from valle_testing.contract import contract
from valle_testing.suites.alignment.texts import LONGEST, STOP, Build, made, spoken, states

ROWS = (0, 1, 2)


class Crossing:
    """Two beginnings of each row, with tokens of their own, that swap places at every step."""

    def search(
        self, logits: Float[Tensor, "B V"], follow: Follow, bounds: Sequence[int], stop: int | None
    ) -> Int[Tensor, "B L"]:
        rows = torch.arange(len(logits))
        parents, said, number = rows.repeat_interleave(2), [[], []] * len(rows), torch.tensor([0, 1]).repeat(len(rows))
        for _ in range(LONGEST):
            said = [[*said[2 * (place // 2) + 1 - place % 2], int(number[place])] for place in range(2 * len(rows))]
            if not bool(follow(parents, number)[:, :STOP].isfinite().any()):
                break
            parents, number = torch.arange(2 * len(rows)).view(-1, 2).flip(1).flatten(), 1 - number
        return torch.tensor(said)[::2]


def state(row: int, said: Sequence[int]) -> Float[Tensor, "D"]:
    """The state of a row at a frame: its own for all that was said before."""
    return states((row,), len(said))[0] * (1 + 0.7 * sum(said) / (len(said) + 1))


class Followed:
    """Rows of a walk as a decoder asks for them, with a state for all that each has said."""

    def __init__(self, walk: Walk) -> None:
        self.walk, self.rows, self.said = walk, torch.tensor(ROWS), [[] for _ in ROWS]

    def logits(self) -> Float[Tensor, "R V"]:
        h = torch.stack([state(row, said) for row, said in zip(self.rows.tolist(), self.said, strict=True)])
        frame = len(self.said[0])
        chance = [((37 * frame + 11 * row) % 100 + 0.5) / 100 for row in self.rows.tolist()]
        zeros = torch.zeros(len(h), STOP + 1)
        return self.walk.answer(h, zeros, self.rows, torch.tensor(chance, dtype=torch.float64))

    def follow(self, chosen: Int[Tensor, "R"], tokens: Int[Tensor, "R"]) -> Float[Tensor, "R V"]:
        self.said = [[*self.said[at], token] for at, token in zip(chosen.tolist(), tokens.tolist(), strict=True)]
        self.rows = self.rows[chosen]
        self.walk.guide(self.rows)
        return self.logits()


@contract("Branching.along", "whose beginnings each have a place in the text, as they would alone")
def follows_every_beginning(build: Build, *, device: str = "cpu") -> None:
    """Two beginnings of every row that swap places at each step; the times are those of the answers found."""
    alignment = made(build)
    if not isinstance(alignment, Branching):
        raise SkipTest("it follows one beginning")
    followed = Followed(alignment.walk(spoken(times=False, rows=ROWS)))
    found = alignment.along(followed.walk, Crossing()).search(followed.logits(), followed.follow, [LONGEST] * 3, STOP)
    frames = [found.shape[1]] * 3
    times, alone = followed.walk.times(frames), said_alone(alignment, found.tolist())
    for row in ROWS:
        assert torch.equal(times[row], alone[row]), f"row {row} has the times {times[row]}, alone {alone[row]}"


def said_alone(alignment: Alignment, answers: Sequence[Sequence[int]]) -> list[Tensor]:
    """The times of answers that nothing was searched for."""
    followed = Followed(alignment.walk(spoken(times=False, rows=ROWS)))
    followed.logits()
    for tokens in zip(*answers, strict=True):
        followed.follow(torch.tensor(ROWS), torch.tensor(tokens))
    return followed.walk.times([len(answers[0])] * 3)
