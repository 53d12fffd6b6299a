"""What the runner asks of `bench decode` in the worker: the cases of plugins, which measure both implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pkgutil import resolve_name
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
    """A case, by the name of its reference, or one of its parts.

    Attributes:
        part: of a function with an attribute `parts`: names of what it can be asked for one by one, as `part`.
        asks: for the names of the parts instead of measuring.
    """

    name: str
    part: str = ""
    asks: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """The rows that a case gave, or why it gave none."""

    rows: Sequence[Mapping[str, Any]] = ()
    note: str = ""


def opens(registry: Registry, job: Job) -> Opened:
    """The cases by name."""
    cases = {case.name: case for case in references_of(registry, "decode")}

    def measured(cell: Cell, without: tuple[str, ...], alone: Callable[[str], None]) -> Figures:
        return {cell.name: (_parts if cell.asks else _measured)(cases[cell.name], cell, job.settings)}

    return Opened(notes=dict.fromkeys(cases, ""), facts={}, measure=measured)


def _parts(case: ReferenceSpec, cell: Cell, settings: Settings) -> Figure:
    """Their names, where the case has any."""
    return Figure(rows=[{"part": part} for part in getattr(resolve_name(case.loads), "parts", ("",))])


def _measured(case: ReferenceSpec, cell: Cell, settings: Settings) -> Figure:
    try:
        found = list(case.load(**settings.given, **({"part": cell.part} if cell.part else {})))
    except UserError as error:
        return Figure(note=str(error))
    if not all(is_dataclass(row) for row in found):
        return Figure(note="it gave rows that are not dataclasses. Tell its author")
    return Figure(rows=[{"case": case.title, **row} for row in as_mappings(found)])


def run(cases: Sequence[ReferenceSpec], settings: Settings, tell: Tell) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of all cases, and for each that gave none its name and the reason."""
    titles = {case.name: case.title for case in cases}
    asked = Job(
        measurement=MEASUREMENT,
        candidate=Candidates(),
        settings=settings,
        cells=tuple(Cell(name=name, asks=True) for name in titles),
    )
    tell(0, 0, "")
    parts = ask(asked, lambda cell: None)
    cells = tuple(
        Cell(name=cell.name, part=row.get("part", ""))
        for cell, figures in parts.figures.items()
        for row in figures[cell.name].rows or ({},)
    )
    count = Count(len(cells), tell)
    answer = ask(replace(asked, cells=cells), lambda cell: count.begin(f"{titles[cell.name]} {cell.part}".rstrip()))
    count.end()
    figures = {cell: by_name[cell.name] for cell, by_name in answer.figures.items()}
    dead = {
        titles.get(name, name): note for name, note in (parts.implementations | answer.implementations).items() if note
    }
    missing = {
        f"{titles[cell.name]} {cell.part}".rstrip(): figure.note for cell, figure in figures.items() if figure.note
    }
    rows = [dict(row) for figure in figures.values() for row in figure.rows]
    return rows, [f"{name}: {note}" for name, note in (missing | dead).items()]


MEASUREMENT = Measurement(
    home="valle_bench.decode.measurement:MEASUREMENT",
    candidate=Candidates,
    settings=Settings,
    cell=Cell,
    figure=Figure,
    opens=opens,
)
