"""Threads for compiled functions: those of the OpenMP runtime that torch has loaded, so that no second pool exists."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import torch


class Team:
    """Runs a C function `void f(int64_t *job)` on several threads at once, or on this one alone.

    Attributes:
        size: threads it has; 1 where torch runs on another runtime.
        barrier, rank, count: addresses of `int f(void)` for the function itself: wait for the others, the thread's
            number, how many take part (OpenMP may give fewer than asked for). 0 where it has one thread.
    """

    def __init__(self, most: int) -> None:
        """A team of at most `most` threads, and no more than torch uses."""
        most = min(most, torch.get_num_threads())
        runtime = _runtime() if most > 1 else None
        self.size = 1 if runtime is None else most
        self.barrier, self.rank, self.count, self._start = (0, 0, 0, None) if runtime is None else runtime

    def run(self, function: int, job: int, threads: int | None = None) -> None:
        """`function(job)` on `threads` threads, all when not given; comes back when every one is done."""
        threads = self.size if threads is None else min(threads, self.size)
        if threads > 1 and self._start is not None:
            self._start(function, job, threads, 0)
        else:
            _alone(function)(job)


@cache
def _alone(function: int) -> Callable[[int], None]:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(function)


@cache
def _runtime() -> tuple[int, int, int, Callable[[int, int, int, int], None]] | None:
    """Barrier, rank, count and start of GNU OpenMP as torch has loaded it; None where torch runs on another."""
    if "OpenMP" not in torch.__config__.parallel_info():
        return None
    try:
        library = ctypes.CDLL("libgomp.so.1")  # torch's copy: it is loaded already under this name
        start = library["GOMP_parallel"]
    except (OSError, AttributeError):
        return None
    start.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    start.restype = None
    names = ("GOMP_barrier", "omp_get_thread_num", "omp_get_num_threads")
    barrier, rank, count = (ctypes.cast(library[name], ctypes.c_void_p).value or 0 for name in names)
    return barrier, rank, count, start
