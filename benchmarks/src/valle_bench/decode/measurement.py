"""What the runner asks of `bench decode` in the worker: the cases of plugins, which measure both implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from valle_bench.reference import references_of
from valle_bench.report import as_mappings
from valle_bench.runner.ask import Count, Tell, ask
from valle_bench.runner.measurement import Figures, Job, Measurement, Opened
from valle_core.plugin import ReferenceSpec, UserError
from valle_core.registry.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How a case is called.

    Attributes:
        given: settings it gets by name; its own defaults for the others.
        cell_seconds: a twentieth of how long a case may take.
        safe: only first-party plugins are used.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    cell_seconds: float = 180.0
    safe: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """All cases that are installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A case, by the name of its reference."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """The rows that a case gave, or why it gave none."""

    rows: Sequence[Mapping[str, Any]] = ()
    note: str = ""


def opens(registry: Registry, job: Job) -> Opened:
    """The cases by name."""
    cases = {case.name: case for case in references_of(registry, "decode")}

    def measured(cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> Figures:
        return {cell.name: _measured(cases[cell.name], job.settings)}

    return Opened(notes=dict.fromkeys(cases, ""), facts={}, measure=measured)


def _measured(case: ReferenceSpec, settings: Settings) -> Figure:
    try:
        found = list(case.load(**settings.given))
    except UserError as error:
        return Figure(note=str(error))
    if not all(is_dataclass(row) for row in found):
        return Figure(note="it gave rows that are not dataclasses. Tell its author")
    return Figure(rows=[{"case": case.title, **row} for row in as_mappings(found)])


def run(cases: Sequence[ReferenceSpec], settings: Settings, tell: Tell) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of all cases, and for each that gave none its name and the reason."""
    titles = {case.name: case.title for case in cases}
    count = Count(len(titles), tell)
    cells = tuple(Cell(name=name) for name in titles)
    job = Job(measurement=MEASUREMENT, candidate=Candidates(), settings=settings, cells=cells)
    answer = ask(job, lambda cell: count.begin(titles[cell.name]))
    count.end()
    figures = {cell.name: by_name[cell.name] for cell, by_name in answer.figures.items()}
    dead = {name: note for name, note in answer.implementations.items() if note}
    missing = {titles[name]: figure.note for name, figure in figures.items() if figure.note} | dead
    rows = [dict(row) for figure in figures.values() for row in figure.rows]
    return rows, [f"{name}: {note}" for name, note in missing.items()]


MEASUREMENT = Measurement(
    home="valle_bench.decode.measurement:MEASUREMENT",
    candidate=Candidates,
    settings=Settings,
    cell=Cell,
    figure=Figure,
    opens=opens,
)
