"""What the runner asks of `bench codec` in the worker: a codec and the packages it replaces, cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import torch

from valle_bench.codec.cells import Bench, measure
from valle_bench.codec.implementations import load_implementations
from valle_bench.codec.memory import Memory
from valle_bench.codec.settings import OWN, Candidate, Cell, Figure, Settings
from valle_bench.runner.measurement import Figures, Job, Measurement, Opened
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry


def opens(registry: Registry, job: Job) -> Opened:
    """The implementations of one codec, ours first. A job for one (`only`) takes its memory instead of its times."""
    try:
        implementations = load_implementations(
            registry, job.candidate, torch.device(job.settings.device), only=job.only
        )
    except UserError as error:
        return Opened(notes={OWN: str(error)}, facts={}, measure=None)
    if not implementations.references:
        return Opened(notes=implementations.notes, facts=implementations.facts(), measure=None)
    bench = Bench(
        implementations.codec, implementations.references, job.settings, bool(implementations.facts()["random"])
    )
    memory = Memory(bench, job.only) if job.only else None

    def measured(cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> Figures:
        return {job.only: memory.measure(cell)} if memory else measure(bench, cell)

    return Opened(notes=implementations.notes, facts=implementations.facts(), measure=measured)


MEASUREMENT = Measurement(
    home="valle_bench.codec.measurement:MEASUREMENT",
    candidate=Candidate,
    settings=Settings,
    cell=Cell,
    figure=Figure,
    opens=opens,
)
