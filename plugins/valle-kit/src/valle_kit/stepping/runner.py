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
from valle_kit.stepping.program import Buffer, Program

BYTES_PER_THREAD = 2_000_000
"""Weights a thread must have to read for its share of the barriers of a layer (about 1 µs each) to be small."""


class Runner:
    """One program, ready to run."""

    def __init__(self, program: Program, found: Buffer | None = None) -> None:
        """`found`: where `few` finds its results, when not in the finished states."""
        self.program = program
        self._function = int(kernel.compiled().address or 0)
        self._operations = program.assembled()
        self.team = Team(min(program.threads, max(1, program.nbytes // BYTES_PER_THREAD)))
        self._pace = Pace()
        self._h, self._out = program.states(program.h), program.states(found or program.out)
        self._job = job = np.zeros(at.SLOTS, dtype=np.int64)
        job[at.BARRIER], job[at.RANK], job[at.COUNT] = self.team.barrier, self.team.rank, self.team.count
        job[at.PROGRAM], job[at.MINE], job[at.PRIVATE] = self._operations.ctypes.data, program.mine, program.private
        self._address = job.ctypes.data

    def few(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B W"]:
        """What a program that has no cache makes of at most its number of states."""
        job, B = self._job, len(x)
        job[at.FIRST], job[at.LAST] = 0, len(self._operations)
        self._h[:B] = x
        self._run(B)
        return self._out[:B].clone()

    def __call__(
        self,
        x: Float[Tensor, "B D"],
        tables: np.ndarray,
        lengths: Int[Tensor, "B"],
        places: Float[Tensor, "P W"],
        turns: Int[Tensor, "B"],
        *,
        finish: bool = True,
        layers: tuple[int, int] | None = None,
    ) -> Float[Tensor, "B D"]:
        """The states after the last layer, normed when `finish`.

        Args:
            tables: for each state the address of its row's numbers; see `Tables`.
            lengths: positions before this one, of each state.
            places: what depends on the position.
            turns: line of `places` of each state.
            layers: first and last + 1 of the layers to run, all when not given.
        """
        B, most, job = x.shape[0], self.program.rows, self._job
        first, last = layers or (0, len(self.program.ends) - 1)
        job[at.FIRST] = self.program.ends[first]
        job[at.LAST] = len(self._operations) if finish else self.program.ends[last]
        job[at.PLACES] = places.data_ptr()
        found = self._out if finish else self._h
        parts = []
        for begin in range(0, B, most):
            count, skip = min(most, B - begin), 8 * begin
            self._h[:count] = x[begin : begin + count]
            job[at.CACHE], job[at.LENGTHS] = tables.ctypes.data + skip, lengths.data_ptr() + skip
            job[at.TURNS] = turns.data_ptr() + skip
            self._run(count)
            parts.append(found[:count].clone())
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _run(self, rows: int) -> None:
        """All threads or this one alone give the same bits: each product is summed by one thread."""
        job = self._job
        job[at.ROWS] = rows
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


class Tables:
    """What a program is told of a cache: for each row the address of `layout.PER_LAYER` numbers of each layer.

    Attributes:
        rows: [B] addresses.
    """

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor, int]]) -> None:
        """`layers`: two tensors [B, …] and a number; of a row the program is told where it begins in both."""
        B = len(layers[0][0])
        row = np.arange(B, dtype=np.int64)[:, None, None]
        first = np.array([[one.data_ptr(), two.data_ptr(), number] for one, two, number in layers], dtype=np.int64)
        step = [[one.stride(0) * one.element_size(), two.stride(0) * two.element_size(), 0] for one, two, _ in layers]
        self._numbers = np.ascontiguousarray(first + row * np.array(step, dtype=np.int64))
        self.rows = self._numbers.ctypes.data + np.arange(B, dtype=np.int64) * self._numbers[:1].nbytes
