"""What the runner asks of `bench arch` in the worker: a backbone and its reference implementations, cell by cell."""

from __future__ import annotations

from collections.abc import Callable

from valle_bench.arch.cells import Bench, measure
from valle_bench.arch.own_model import OwnModel
from valle_bench.arch.settings import OWN, Candidate, Cell, Figure, Settings
from valle_bench.arch.sizes import build_candidate
from valle_bench.reference import ReferenceModel, load_references, references_of
from valle_bench.runner.limits import Forecast
from valle_bench.runner.measurement import Figures, Job, Measurement, Opened
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry


def opens(registry: Registry, job: Job) -> Opened:
    """The implementations of one backbone, ours first; one that cannot be loaded is left out with its reason."""
    try:
        backbone = build_candidate(registry, job.candidate, job.settings)
    except UserError as error:
        return Opened(notes={OWN: str(error)}, facts={}, measure=None)
    implementations: dict[str, ReferenceModel] = {OWN: OwnModel(backbone)} if job.only in ("", OWN) else {}
    notes = dict.fromkeys(implementations, "")
    if job.references:
        found = references_of(registry, "arch", job.candidate.arch)
        loaded, whys = load_references(found, backbone, only=job.only)
        implementations, notes = implementations | loaded, notes | whys
    bench = Bench(implementations, backbone.d_model, job.settings, Forecast(job.settings.cell_seconds))

    def measured(cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> Figures:
        return measure(bench, cell)

    return Opened(notes=notes, facts={}, measure=measured if implementations else None)


MEASUREMENT = Measurement(
    home="valle_bench.arch.measurement:MEASUREMENT",
    candidate=Candidate,
    settings=Settings,
    cell=Cell,
    figure=Figure,
    opens=opens,
)
