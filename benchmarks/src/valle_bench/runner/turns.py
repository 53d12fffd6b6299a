"""Timing: all sides of a cell run in turns, and the clock waits for the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
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


def in_turns(
    runs: Mapping[str, Callable[[], float]],
    once: Mapping[str, float],
    *,
    repeats: int,
    least: float,
    most: int,
    limit: float,
) -> dict[str, list[float]]:
    """Seconds of the runs of each side, one run each in turn; a side whose runs are long has fewer of them.

    Args:
        runs: by side; each makes a run and gives its seconds.
        once: seconds of the first run of each side.
        repeats: runs of each side, where they are not too long.
        least: short runs are repeated until they add up to these seconds,
        most: at most so many times.
        limit: seconds that one side may take in all, but for its first run.
    """
    wanted = {}
    for side in runs:
        took = max(once[side], 1e-9)
        often = max(repeats, min(most, int(least / took)))
        wanted[side] = max(1, min(often, int(limit / took)))
    times: dict[str, list[float]] = {side: [] for side in runs}
    while left := [side for side in runs if len(times[side]) < wanted[side]]:
        for side in left:
            times[side].append(runs[side]())
    return times
