"""The next positions of all rows, several at once, or only through some of the layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.types import SequenceMask

Ahead = Callable[[Float[Tensor, "B T D"], Any, int, int], Float[Tensor, "B T D"]]
"""(what each row reads next, their cache, first layer, last layer + 1) → the states of these positions behind the
layers, finished if these are the last ones. The cache goes on by T; the layers that are left out need the same
positions once more, after `rewind`."""


@runtime_checkable
class GoesAhead(Protocol):
    """A backbone with a shorter way through several positions than its forward (for one without condition)."""

    def ahead(self) -> Ahead:
        """Such a way, which gives each position the bits that a step gives it; what it keeps is its own."""
        ...


def through_layers(backbone: Any, condition: Callable[[], Tensor | None] = lambda: None) -> Ahead:
    """By the backbone's forward; `condition` gives that of the rows that are left."""

    def ahead(x: Float[Tensor, "B T D"], cache: Any, first: int, last: int) -> Float[Tensor, "B T D"]:
        start, T = cache.lengths, x.shape[1]
        mask = replace(SequenceMask.causal(start + T, query_start=start), padded=len(start) > 1)
        positions = start[:, None] + torch.arange(T, device=x.device)
        layers = None if (first, last) == (0, backbone.n_layers) else range(first, last)
        h = backbone(x, mask, positions, condition=condition(), cache=cache, layers=layers).h
        return backbone.finish(h) if last == backbone.n_layers else h

    return ahead


class Positions:
    """The next positions of rows that may leave, by the backbone's own way or by its forward.

    Attributes:
        layers: how many the backbone has.
    """

    def __init__(self, backbone: Any, condition: Float[Tensor, "R C"] | None) -> None:
        self.layers: int = backbone.n_layers
        self._condition = condition
        own = isinstance(backbone, GoesAhead)
        self._ahead = backbone.ahead() if own else through_layers(backbone, lambda: self._condition)

    def __call__(self, x: Float[Tensor, "R T D"], cache: Any, first: int, last: int) -> Float[Tensor, "R T D"]:
        """See `Ahead`."""
        return self._ahead(x, cache, first, last)

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """Rows leave."""
        if self._condition is not None:
            self._condition = self._condition[rows]
