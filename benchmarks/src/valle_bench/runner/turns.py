"""Timing: all implementations of a cell run in turns, and the clock waits for the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar

import torch

Out = TypeVar("Out")


def timed(run: Callable[[], Out], device: torch.device) -> tuple[float, Out]:
    """Seconds of a call, and what it gave."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    out = run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, out


def by_processor(run: Callable[[], object]) -> float:
    """Seconds that this process computed in a call, all its threads together; what others do adds nothing."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def in_turns(
    runs: Mapping[str, Callable[[], float]],
    once: Mapping[str, float],
    *,
    repeats: int,
    least: float,
    most: int,
    limit: float,
) -> dict[str, list[float]]:
    """Seconds of the runs of each implementation, one run each in turn; one whose runs are long has fewer of them.

    The order of a turn is drawn (always the same draws): whoever ran behind the one that fills the cache and gives its
    memory back would always pay for that.

    Args:
        runs: by implementation; each makes a run and gives its seconds.
        once: seconds of the first run of each implementation.
        repeats: runs of each implementation, where they are not too long.
        least: short runs are repeated until they add up to these seconds,
        most: at most so many times.
        limit: seconds that one implementation may take in all, but for its first run.
    """
    wanted = {}
    for implementation in runs:
        took = max(once[implementation], 1e-9)
        often = max(repeats, min(most, int(least / took)))
        wanted[implementation] = max(1, min(often, int(limit / took)))
    times: dict[str, list[float]] = {implementation: [] for implementation in runs}
    order = Random(0)
    while left := [implementation for implementation in runs if len(times[implementation]) < wanted[implementation]]:
        order.shuffle(left)
        for implementation in left:
            times[implementation].append(runs[implementation]())
    return times
