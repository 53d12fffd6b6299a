"""What the runner asks of `bench attention` in the worker: all kernels, cell by cell, and the machine's peaks."""

from __future__ import annotations

from collections.abc import Callable

import torch

from valle_bench.attention.cells import Bench, measure
from valle_bench.attention.kernels import load_kernels
from valle_bench.attention.peaks import peaks
from valle_bench.attention.settings import Candidate, Cell, Figure, Settings
from valle_bench.runner.measurement import Figures, Job, Measurement, Opened
from valle_core.registry.registry import Registry


def opens(registry: Registry, job: Job) -> Opened:
    """The kernels by name. One that cannot be loaded is named with the reason and left out."""
    kernels, notes = load_kernels(registry, job.candidate.kernels)
    bench = Bench(kernels, job.settings)

    def measured(cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> Figures:
        return measure(bench, cell, without, alone)

    facts = peaks(torch.device(job.settings.device), job.candidate.dtypes)
    return Opened(notes=notes, facts=facts, measure=measured if kernels else None)


MEASUREMENT = Measurement(
    home="valle_bench.attention.measurement:MEASUREMENT",
    candidate=Candidate,
    settings=Settings,
    cell=Cell,
    figure=Figure,
    opens=opens,
)
