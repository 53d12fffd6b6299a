"""What the runner asks of `bench sampler` in the worker: all samplers and their references, cell by cell."""

from __future__ import annotations

from collections.abc import Callable

from valle_bench.runner.measurement import Figures, Job, Measurement, Opened
from valle_bench.sampler.cells import Bench, measure
from valle_bench.sampler.implementations import load_samplers
from valle_bench.sampler.settings import CHAIN, STEP, Candidate, Cell, Figure, Settings
from valle_core.registry.registry import Registry


def opens(registry: Registry, job: Job) -> Opened:
    """The samplers by name. One that cannot be built is named with the reason and left out."""
    loaded = load_samplers(registry, job.candidate)
    bench = Bench(registry, loaded, job.settings)

    def measured(cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> Figures:
        known = cell.sampler in (CHAIN, STEP) or cell.sampler in loaded.samplers
        return measure(bench, cell, without, alone) if known else {}

    return Opened(notes=loaded.notes, facts={}, measure=measured)


MEASUREMENT = Measurement(
    home="valle_bench.sampler.measurement:MEASUREMENT",
    candidate=Candidate,
    settings=Settings,
    cell=Cell,
    figure=Figure,
    opens=opens,
)
