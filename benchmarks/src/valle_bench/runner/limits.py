"""What a run may cost: its time and memory are foreseen from the shorter runs of the same kind."""

from __future__ import annotations

import ctypes
import math
import resource
import sys
from collections import defaultdict
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
PEAK_RESET = Path("/proc/self/clear_refs")
SPARE = 0.8
"""Share of the free memory a run may be foreseen to take."""

GREW_AT_LEAST, GREW_AT_MOST = 1.0, 2.2
"""Exponents of growth that are believed: a linear model's, and a little more than a quadratic one's."""


class Forecast:
    """Remembers runs by implementation and kind, and foresees the next longer one."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._seen: dict[tuple[str, str], list[tuple[int, float, int]]] = defaultdict(list)

    def saw(self, implementation: str, what: str, length: int, seconds: float, nbytes: int) -> None:
        """A run of this length took so long, and so much memory beyond what was held before.

        Of several runs of one length the fastest counts: the others were disturbed.
        """
        seen = self._seen[implementation, what]
        if seen and seen[-1][0] == length:
            _, before, held = seen.pop()
            seconds, nbytes = min(seconds, before), max(nbytes, held)
        seen.append((length, seconds, nbytes))

    def known(self, implementation: str, what: str) -> bool:
        """Whether a run of this implementation and kind was seen."""
        return bool(self._seen[implementation, what])

    def refusal(self, implementation: str, what: str, length: int) -> str:
        """Why a run of this length should not be made, or ""."""
        seen = self._seen[implementation, what]
        if not seen:
            return ""
        seconds = _next([(at, took) for at, took, _ in seen], length)
        if seconds > self.limit:
            return f"skipped: about {seconds:.0f} s a run foreseen, the limit is {self.limit:g} s"
        nbytes, free = _next([(at, float(held)) for at, _, held in seen], length), free_memory()
        if free is not None and nbytes > SPARE * free:
            return f"skipped: about {nbytes / 2**30:.1f} GiB foreseen, {free / 2**30:.1f} GiB are free"
        return ""


def _next(seen: list[tuple[int, float]], length: int) -> float:
    at, value = seen[-1]
    if value <= 0:
        return 0.0
    power = 2.0
    if len(seen) > 1 and seen[-2][1] > 0 and at > seen[-2][0]:
        power = math.log(value / seen[-2][1]) / math.log(at / seen[-2][0])
    return value * (length / at) ** min(max(power, GREW_AT_LEAST), GREW_AT_MOST)


def free_memory() -> int | None:
    """Bytes the machine can still give; None where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)


class PeakMemory:
    """The most memory that is taken after it was made, beyond what was taken then.

    On a CPU it is the process's resident memory as Linux counts it (VmHWM, reset first); where there is no /proc, the
    growth of `ru_maxrss`. On CUDA it is what torch's allocator says.

    Args:
        before: bytes that count as taken before; what is taken when it was made where None.
    """

    def __init__(self, device: torch.device, before: int | None = None) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device) if before is None else before
            return
        try:
            PEAK_RESET.write_text("5", encoding="ascii")
        except OSError:
            self._before = _status("VmHWM")
        else:
            self._before = _status("VmRSS") if before is None else before

    def taken(self) -> int:
        """Bytes."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        return max(0, _status("VmHWM") - self._before)


def held(device: torch.device) -> int:
    """Bytes that are taken now, once the allocator has given back to the system what it can."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.memory_allocated(device)
    if hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)
    return _status("VmRSS")


def _status(field: str) -> int:
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
