"""A compiled step: a program, and what depends on the position."""

from __future__ import annotations

from collections.abc import Callable

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
    """

    def __init__(self, program: Program, capacity: int, lines: Lines | None = None) -> None:
        self.capacity = capacity
        self._runner, self._lines = Runner(program), lines
        self._table = torch.zeros(0, 1)

    def fits(self) -> bool:
        """Whether the weights are still where they were."""
        return self._runner.program.fits()

    def __call__(self, x: Float[Tensor, "B D"], tables: np.ndarray, lengths: Int[Tensor, "B"]) -> Float[Tensor, "B D"]:
        """The finished states of the next position of rows with these lengths; `tables` are their caches'."""
        by, turns = self._places(lengths)
        return self._runner(x, tables, lengths, by, turns)

    def _places(self, lengths: Int[Tensor, "B"]) -> tuple[Float[Tensor, "P W"], Int[Tensor, "B"]]:
        if self._lines is None:
            return self._table, lengths
        last = int(lengths.max())
        if last >= KEPT:
            return self._lines(lengths), torch.arange(len(lengths))
        if last >= len(self._table):
            self._table = self._lines(torch.arange(min(KEPT, max(512, 2 * last))))
        return self._table, lengths
