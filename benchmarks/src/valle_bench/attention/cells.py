"""The measuring: every kernel does the same, is held to float64 first, and is then timed in turns with the others."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch

from valle_bench.attention.exact import Exact
from valle_bench.attention.inputs import Inputs
from valle_bench.attention.kernels import Kernel
from valle_bench.attention.settings import OVER, Cell, Figure, Settings
from valle_bench.attention.steps import Step
from valle_bench.attention.work import flops
from valle_bench.runner.limits import SPARE, PeakMemory, free_memory, held
from valle_bench.runner.turns import in_turns
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line

LEAST_SECONDS = 0.2
"""Short runs are repeated until they add up to this, at most `MOST_RUNS` times."""

MOST_RUNS = 40
PROBE = 64
"""Length of the first row that a kernel is given."""

PROBES = 5
SLOW = 0.1
"""Seconds of that row below which nothing is concluded: most of them are not arithmetic."""

OVERHEAD = 0.01
"""Seconds of a run that say nothing about a larger one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the last cell showed of a kernel: seconds per operation, bytes per score."""

    seconds: float = 0.0
    nbytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cells share.

    Attributes:
        kernels: by name.
        settings: of the run.
        pace: of each kernel and direction, from the cell before.
        begun: when the first cell began, by `time.perf_counter`.
    """

    kernels: Mapping[str, Kernel]
    settings: Settings
    pace: dict[tuple[str, str], Pace] = field(default_factory=dict)
    begun: float = field(default_factory=time.perf_counter)

    @property
    def device(self) -> torch.device:
        return torch.device(self.settings.device)


def measure(bench: Bench, cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> dict[str, Figure]:
    """The figures of every kernel; what fails, does not take the mask or would take too long says so in its note."""
    limit = bench.settings.max_seconds
    if limit and time.perf_counter() - bench.begun > limit:
        return {name: Figure(note=OVER) for name in bench.kernels}
    gc.collect()
    inputs = Inputs(cell, bench.device, bench.settings.seed)
    exact = Exact(cell, inputs.sets[0])
    figures: dict[str, Figure] = {}
    steps: dict[str, Step] = {}
    for name, kernel in bench.kernels.items():
        if name in without:
            continue
        alone(name)
        step = Step(kernel.call, inputs, bench.device)
        figures[name] = _first(bench, name, cell, step, exact)
        if figures[name].seconds is not None:
            steps[name] = step
    alone("")
    once = {name: figures[name].seconds or 0.0 for name in steps}
    settings = bench.settings
    done = in_turns(
        steps, once, repeats=settings.repeats, least=LEAST_SECONDS, most=MOST_RUNS, limit=settings.cell_seconds
    )
    for name, times in done.items():
        seconds = statistics.median(times)
        figures[name] = replace(figures[name], seconds=seconds, runs=len(times), clock=steps[name].clock)
    return figures


def _first(bench: Bench, name: str, cell: Cell, step: Step, exact: Exact) -> Figure:
    """The first runs: they compile and tune, are compared, and show what the kernel takes."""
    kernel = bench.kernels[name]
    if kernel.dtypes and cell.dtype not in kernel.dtypes:
        return Figure(note=f"does not run in {cell.dtype}")
    try:
        if (name, cell.direction) not in bench.pace:
            bench.pace[name, cell.direction] = _probe(bench, kernel, cell)
        if note := _refusal(bench, name, cell):
            return Figure(note=note)
        error = exact.error(step.results())
        held(bench.device)
        peak = PeakMemory(bench.device)
        step.once()
        taken = peak.taken()
        once = min(step.once() for _ in range(2))
        step.ready(once)
    except UserError as refused:
        return Figure(note=f"cannot run: {refused}")
    except Exception as failed:  # another's code must not end the run
        if "CUDA error" in str(failed):
            raise  # nothing can be computed in this process any more: the runner goes on in another
        return Figure(note=f"failed: {one_line(failed)}")
    scores = cell.heads * cell.queries * sum(cell.lengths)
    pace = Pace(max(0.0, once - OVERHEAD) / flops(cell), taken / scores)
    bench.pace[name, cell.direction] = pace
    return Figure(seconds=once, runs=1, nbytes=taken, error=error)


def _probe(bench: Bench, kernel: Kernel, cell: Cell) -> Pace:
    """What one short row takes: a kernel that is interpreted shows it there, before it is given a batch."""
    length = min(PROBE, min(cell.lengths))
    share = cell.prefix[0] / cell.lengths[0]
    small = replace(cell, size=length, queries=min(cell.queries, length), lengths=(length,),
                    prefix=(round(share * length),), heads=cell.heads // cell.kv_heads, kv_heads=1)  # fmt: skip
    step = Step(kernel.call, Inputs(small, bench.device, bench.settings.seed), bench.device)
    step.results()
    least = min(_own_seconds(step) for _ in range(PROBES))
    return Pace(least / flops(small) if least > SLOW else 0.0, 0.0)


def _own_seconds(step: Step) -> float:
    """Of one step, those that this thread computed: what others take from the machine does not count."""
    begun = time.thread_time()
    step.once()
    return time.thread_time() - begun


def _refusal(bench: Bench, name: str, cell: Cell) -> str:
    """Why a run should not be made after what the last one took, or ""."""
    pace, limit = bench.pace.get((name, cell.direction), Pace()), bench.settings.cell_seconds
    seconds = pace.seconds * flops(cell)
    if seconds > limit:
        return f"skipped: about {seconds:.0f} s a run foreseen, the limit is {limit:g} s"
    wanted = pace.nbytes * cell.heads * cell.queries * sum(cell.lengths)
    free = torch.cuda.mem_get_info(bench.device)[0] if bench.device.type == "cuda" else free_memory()
    if free is not None and wanted > SPARE * free:
        return f"skipped: about {wanted / 2**30:.1f} GiB foreseen, {free / 2**30:.1f} GiB are free"
    return ""
