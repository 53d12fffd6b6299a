"""Runs a program on torch's threads, over a cache that may change its place."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_kit.openmp import Team
from valle_kit.stepping import kernel
from valle_kit.stepping import layout as at
from valle_kit.stepping.pace import Pace
from valle_kit.stepping.program import Program

BYTES_PER_THREAD = 2_000_000
"""Weights a thread must have to read for its share of the barriers of a layer (about 1 µs each) to be small."""


class Runner:
    """One program, ready to run."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._function = int(kernel.compiled().address or 0)
        self._operations = program.assembled()
        self.team = Team(min(program.threads, max(1, program.nbytes // BYTES_PER_THREAD)))
        self._pace = Pace()
        self._h, self._out = program.states(program.h), program.states(program.out)
        self._job = job = np.zeros(at.SLOTS, dtype=np.int64)
        job[at.BARRIER], job[at.RANK], job[at.COUNT] = self.team.barrier, self.team.rank, self.team.count
        job[at.PROGRAM], job[at.MINE], job[at.PRIVATE] = self._operations.ctypes.data, program.mine, program.private
        self._address = job.ctypes.data
        self._lines = torch.arange(program.rows)

    def __call__(
        self,
        x: Float[Tensor, "B D"],
        cache: np.ndarray,
        lengths: Int[Tensor, "B"],
        places: Float[Tensor, "P W"],
        turns: Int[Tensor, "B"],
        *,
        lines: Int[Tensor, "B"] | None = None,
        finish: bool = True,
        layers: tuple[int, int] | None = None,
    ) -> Float[Tensor, "B D"]:
        """The states after the last layer, normed when `finish`.

        Args:
            cache: numbers of each layer's cache, `layout.PER_LAYER` of them.
            lengths: positions before this one, of each state.
            places: what depends on the position.
            turns: line of `places` of each state.
            lines: of the cache, one for each state; the first B when not given.
            layers: first and last + 1 of the layers to run, all when not given.
        """
        B = x.shape[0]
        job, most = self._job, self.program.rows
        if lines is None:
            lines = self._lines if most >= B else torch.arange(B)
        first, last = layers or (0, len(self.program.ends) - 1)
        job[at.FIRST] = self.program.ends[first]
        job[at.LAST] = len(self._operations) if finish else self.program.ends[last]
        job[at.CACHE], job[at.PLACES] = cache.ctypes.data, places.data_ptr()
        found = self._out if finish else self._h
        if most >= B:
            self._h[:B] = x
            self._run(B, lines.data_ptr(), lengths.data_ptr(), turns.data_ptr())
            return found[:B].clone()
        parts = []
        for begin in range(0, B, most):
            count, skip = min(most, B - begin), 8 * begin
            self._h[:count] = x[begin : begin + count]
            self._run(count, lines.data_ptr() + skip, lengths.data_ptr() + skip, turns.data_ptr() + skip)
            parts.append(found[:count].clone())
        return torch.cat(parts)

    def _run(self, rows: int, lines: int, lengths: int, turns: int) -> None:
        """All threads or this one alone give the same bits: each product is summed by one thread."""
        job = self._job
        job[at.ROWS], job[at.LINES], job[at.LENGTHS], job[at.TURNS] = rows, lines, lengths, turns
        if self.team.size == 1:
            job[at.THREADS] = 1
            self.team.run(self._function, self._address)
            return
        together = self._pace.together()
        threads = self.team.size if together else 1
        job[at.THREADS] = threads
        start = time.perf_counter()
        self.team.run(self._function, self._address, threads)
        self._pace.took(together, time.perf_counter() - start)


def cache_numbers(layers: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """What a program is told of the cache: two addresses and one number for each layer."""
    return np.array(layers, dtype=np.int64).reshape(-1)
