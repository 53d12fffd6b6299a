"""A compiled step: a program, and what depends on the position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_kit.stepping.program import Program
from valle_kit.stepping.runner import Runner

KEPT = 16_384
"""Positions whose lines are computed once; later ones are computed when they come."""
ROWS = 64
"""States computed at a time: more go in several turns."""

Lines = Callable[[Int[Tensor, "P"]], Float[Tensor, "P W"]]
"""Positions → what a program reads of each."""


class CompiledStep:
    """The step of one backbone, for float32 states on the CPU.

    Weights are read in place: in-place updates are seen by the next step; `fits` tells when they moved.

    Attributes:
        capacity: longest row.
        in_order: whether states of one cache may follow each other: each finds what those before it left.
    """

    def __init__(self, program: Program, capacity: int, lines: Lines | None = None, *, in_order: bool = False) -> None:
        self.capacity, self.in_order = capacity, in_order
        self._runner, self._lines = Runner(program), lines
        self._table = torch.zeros(0, 1)

    def fits(self) -> bool:
        """Whether the weights are still where they were."""
        return self._runner.program.fits()

    def __call__(
        self,
        x: Float[Tensor, "B D"],
        tables: np.ndarray,
        lengths: Int[Tensor, "B"],
        positions: Int[Tensor, "B"] | None = None,
        *,
        finish: bool = True,
        layers: tuple[int, int] | None = None,
    ) -> Float[Tensor, "B D"]:
        """The states of the next position of rows with these lengths; `tables` are their caches'.

        `positions` are the lengths where they are not given; `finish` and `layers` as `Runner` takes them.
        """
        if positions is None or self._lines is None:
            by, turns = self._places(lengths)
        else:
            by, turns = self._lines(positions), torch.arange(len(x))
        return self._runner(x, tables, lengths, by, turns, finish=finish, layers=layers)

    def advance(
        self, x: Float[Tensor, "B 1 D"], cache: Any, positions: Int[Tensor, "B"] | None = None, *, finish: bool = True
    ) -> Float[Tensor, "B D"]:
        """The same for the rows of one cache, which goes on by one position."""
        cache.grow()
        h = self(x[:, 0], cache.tables.rows, cache.lengths, positions, finish=finish)
        cache.lengths = cache.lengths + 1
        return h

    def _places(self, lengths: Int[Tensor, "B"]) -> tuple[Float[Tensor, "P W"], Int[Tensor, "B"]]:
        if self._lines is None or self.capacity < len(self._table):
            return self._table, lengths
        last = int(lengths.max())
        if last >= KEPT:
            return self._lines(lengths), torch.arange(len(lengths))
        if last >= len(self._table):
            self._table = self._lines(torch.arange(min(KEPT, max(512, 2 * last))))
        return self._table, lengths
