"""A search with the pointer beside it: every beginning of an answer has a pointer of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    from valle_core.interfaces import Follow, Search
    from valle_pointer.walk import PointerWalk


class Step(NamedTuple):
    """What a search went on with.

    Attributes:
        parents: [R] rows of the last logits.
        tokens: [R] what they were followed by.
    """

    parents: Int[Tensor, "R"]
    tokens: Int[Tensor, "R"]


class Beginnings:
    """See `valle_core.interfaces.Search`. Afterwards the walk is where each of the answers found has led it.

    A beginning's pointer follows from its row's chances and what it has said, so each is the pointer that the answer
    would have had alone.

    Args:
        walk: of the batch that is searched; it has answered the first frame.
        search: looks for the answers.
    """

    def __init__(self, walk: PointerWalk, search: Search) -> None:
        self._walk, self._search = walk, search

    def search(
        self, logits: Float[Tensor, "B V"], follow: Follow, bounds: Sequence[int], stop: int | None
    ) -> Int[Tensor, "B L"]:
        walk = self._walk
        states, steps = [walk.state], [Step(torch.empty(0), torch.empty(0))]

        def follow_along(rows: Int[Tensor, "R"], tokens: Int[Tensor, "R"]) -> Float[Tensor, "R V"]:
            walk.state, walk.apart = walk.state.select(rows), True
            answered = follow(rows, tokens)
            states.append(walk.state)
            steps.append(Step(rows, tokens))
            return answered

        found = self._search.search(logits, follow_along, bounds, stop)
        ends = [led_by(steps, row, answer) for row, answer in enumerate(said(found, bounds, stop))]
        rows = [states[step].select(torch.tensor([at], device=found.device)) for step, at in ends]
        walk.state, walk.apart = type(walk.state)(*(torch.cat(parts) for parts in zip(*rows, strict=True))), False
        return found


def said(found: Int[Tensor, "B L"], bounds: Sequence[int], stop: int | None) -> list[list[int]]:
    """The tokens of each answer that were followed by something: not the stop token, nor the last one at a bound."""
    answers = []
    for row, bound in zip(found.tolist(), bounds, strict=True):
        ends = row.index(stop) if stop in row else bound
        answers.append(row[: min(ends, bound - 1)])
    return answers


def led_by(steps: Sequence[Step], row: int, answer: Sequence[int]) -> tuple[int, int]:
    """The last step of an answer of this row of the batch, and its place among the beginnings of that step."""
    places = torch.tensor([row])
    for step, token in zip(steps[1:], answer, strict=False):
        # Equal beginnings, where too few go on to fill a beam, have equal pointers.
        places = (torch.isin(step.parents, places.to(step.parents)) & (step.tokens == token)).nonzero()[:, 0]
    return len(answer), int(places[0])
