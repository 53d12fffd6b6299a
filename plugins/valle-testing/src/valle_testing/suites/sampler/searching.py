"""Searches among samplers: run over rows that remember what was said, and the check that is theirs alone."""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

from collections.abc import Sequence
from unittest import SkipTest

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Search
from valle_testing.contract import contract
from valle_testing.suites.sampler.rows import STEPS, Build, V, settled, step_logits


class Remembering:
    """Rows whose logits follow from their number, the step and all tokens so far; it watches what it is asked for."""

    def __init__(self, rows: Sequence[int], bounds: Sequence[int], device: str) -> None:
        self.rows, self.bounds, self.device = list(rows), list(bounds), device
        self.history: list[list[int]] = [[] for _ in self.rows]

    def logits(self) -> Float[Tensor, "R V"]:
        """Of each beginning."""
        return torch.stack([self.after(row, history) for row, history in zip(self.rows, self.history, strict=True)])

    def after(self, row: int, history: Sequence[int]) -> Float[Tensor, "V"]:
        """Logits of a row that has said this; token 3 and, at first, the last token stand at −inf."""
        logits = step_logits(8, len(history), self.device)[row].roll(
            sum((i + 1) * token for i, token in enumerate(history))
        )
        excluded = torch.tensor([3] if history else [3, V - 1], device=self.device)
        return logits.index_fill(0, excluded, -torch.inf)

    def follow(self, rows: Int[Tensor, "R"], tokens: Int[Tensor, "R"]) -> Float[Tensor, "R V"]:
        """See `valle_core.interfaces.Follow`."""
        assert rows.shape == tokens.shape and rows.ndim == 1, f"it goes on from rows {tuple(rows.shape)} with "\
            f"tokens {tuple(tokens.shape)}"  # fmt: skip
        assert all(0 <= row < len(self.rows) for row in rows.tolist()), f"it goes on from rows {rows.tolist()}"
        assert all(0 <= token < V - 1 for token in tokens.tolist()), f"it goes on with tokens {tokens.tolist()}"
        self.history = [[*self.history[row], token] for row, token in zip(rows.tolist(), tokens.tolist(), strict=True)]
        self.rows, self.bounds = ([some[row] for row in rows.tolist()] for some in (self.rows, self.bounds))
        for history, bound in zip(self.history, self.bounds, strict=True):
            assert len(history) < bound, f"it goes on behind {len(history)} tokens of a row whose bound is {bound}"
        return self.logits()


def searched(sampler: Search, rows: Sequence[int], bounds: Sequence[int], device: str) -> Int[Tensor, "B L"]:
    """The answers for these rows."""
    model = Remembering(rows, bounds, device)
    return sampler.search(model.logits(), model.follow, list(bounds), V - 1)


@contract("Search", "row b has at most `bounds[b]` tokens")
def searches_within_its_bounds(build: Build, *, device: str = "cpu") -> None:
    """Rows of different bounds: each answer ends or fills its bound, of tokens that stood open, alone as in a batch."""
    sampler = build()
    if not isinstance(sampler, Search):
        raise SkipTest("it is no search")
    bounds = [STEPS, 1, 3, 5, 2]
    together = searched(sampler, range(5), bounds, device)
    assert together.dtype == torch.int64, f"tokens are {together.dtype}"
    for b, bound in enumerate(bounds):
        answer, ended = settled(together[b], V - 1)
        assert ended or len(answer) >= bound, f"row {b} has {len(answer)} tokens, no end, and a bound of {bound}"
        assert len(answer) <= bound or not ended, f"row {b} ends after {len(answer)} tokens, past its bound of {bound}"
        answer = answer[:bound]
        model = Remembering([b], [bound], device)
        for place, token in enumerate([*answer, V - 1] if ended and len(answer) < bound else answer):
            assert bool(model.after(b, answer[:place])[token].isfinite()), f"row {b} says token {token} at −inf"
        alone, _ = settled(searched(sampler, [b], [bound], device)[0], V - 1)
        assert alone[:bound] == answer, f"row {b} of 5 answers {answer}, alone {alone[:bound]}"
