"""Data-parallel training in a few one-thread processes that share memory and sleep while they wait.

On a busy machine two processes of one thread do far more than one of two threads, whose barriers spin.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

import torch
import torch.multiprocessing as processes
from torch import Tensor


class Team:
    """One rank's view: `mean` averages tensors over the ranks, `first` takes rank 0's."""

    def __init__(self, rank: int, size: int, shared: Tensor, barrier: Barrier) -> None:
        self.rank, self.size = rank, size
        self._shared, self._barrier, self._turn = shared, barrier, 0

    def exchange(self, mean: Sequence[Tensor], first: Sequence[Tensor]) -> None:
        """Replace, in place and to the same bits on every rank, `mean` by averages and `first` by rank 0's.

        Two buffers take turns, so one barrier is enough: who writes a buffer again has passed the barrier of the
        other one, which every rank reaches only after reading.
        """
        buffer = self._shared[self._turn]
        self._turn = 1 - self._turn
        tensors = [*mean, *first]
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        buffer[self.rank, : len(flat)] = flat
        self._barrier.wait()
        averaged = sum(tensor.numel() for tensor in mean)
        flat[:averaged] = buffer[:, :averaged].mean(0)
        flat[averaged:] = buffer[0, averaged : len(flat)]
        with torch.no_grad():
            for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))


def _follow_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _enter(rank: int, size: int, shared: Tensor, barrier: Barrier, work: object, arguments: tuple) -> None:
    _follow_parent()
    work(Team(rank, size, shared, barrier), *arguments)  # type: ignore[operator]


def run_team(size: int, room: int, work: object, arguments: tuple) -> None:
    """`work(team, *arguments)` on `size` ranks, rank 0 in this process; `room` floats are the most exchanged."""
    context = processes.get_context("spawn")
    shared = torch.zeros(2, size, room).share_memory_()
    barrier = context.Barrier(size)
    others = [
        context.Process(target=_enter, args=(rank, size, shared, barrier, work, arguments), daemon=True)
        for rank in range(1, size)
    ]
    for other in others:
        other.start()
    work(Team(0, size, shared, barrier), *arguments)  # type: ignore[operator]
    for other in others:
        other.join()
