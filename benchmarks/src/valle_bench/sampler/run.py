"""The whole of `bench sampler`: let a process measure the cells, turn the answers into rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from valle_bench.runner.ask import Count, Tell, ask
from valle_bench.runner.measurement import OWN, Job
from valle_bench.sampler.measurement import MEASUREMENT
from valle_bench.sampler.settings import CHAIN, CHAIN_OF, STEP, UNSEEDED, Candidate, Cell, Figure, Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One figure of one implementation.

    Attributes:
        sampler, batch: the cell.
        implementation: "valle", or the reference's title.
        seconds, runs, match, note: as in `Figure`.
        ratio: the reference's time over ours: how many times faster ours is; None unless both match.
        of_step: part of a decoding step's time at the same batch; for ours.
    """

    sampler: str
    batch: int
    implementation: str
    seconds: float | None
    runs: int
    match: bool | None
    note: str
    ratio: float | None = None
    of_step: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All of one run.

    Attributes:
        rows: every implementation in every cell.
        notes: those that took no part, with the reason.
    """

    rows: Sequence[Result]
    notes: Mapping[str, str]


def run(candidate: Candidate, batches: Sequence[int], settings: Settings, tell: Tell) -> Measured:
    """Measure everything; `tell` is called before each cell."""
    chain = [CHAIN] if set(CHAIN_OF) <= set(candidate.samplers) else []
    names = (*([STEP] if settings.layers else []), *candidate.samplers, *chain)
    cells = tuple(Cell(sampler=name, batch=batch) for batch in batches for name in names)
    count = Count(len(cells), tell)
    job = Job(measurement=MEASUREMENT, candidate=candidate, settings=settings, cells=cells)
    answer = ask(job, lambda cell: count.begin(str(cell)))
    count.end()
    steps = {cell.batch: figures[OWN].seconds for cell, figures in answer.figures.items()
             if cell.sampler == STEP and OWN in figures}  # fmt: skip
    rows = [row for cell, figures in answer.figures.items() for row in rows_of(cell, figures, steps.get(cell.batch))]
    notes = {name: note for name, note in answer.implementations.items() if note}
    return Measured(rows=rows, notes=notes)


def rows_of(cell: Cell, figures: Mapping[str, Figure], step: float | None) -> list[Result]:
    """The rows of one cell; a draw without a seed has a ratio though its result is another by nature."""
    own, rows = figures.get(OWN, Figure()), []
    for name, one in figures.items():
        counts = bool(one.match and own.match) or name == UNSEEDED
        ratio = one.seconds / own.seconds if name != OWN and counts and one.seconds and own.seconds else None
        mine = one.seconds / step if name == OWN and cell.sampler != STEP and one.seconds and step else None
        rows.append(
            Result(sampler=cell.sampler, batch=cell.batch, implementation=name, seconds=one.seconds, runs=one.runs,
                   match=one.match, note=one.note, ratio=ratio, of_step=mine)
        )  # fmt: skip
    return rows
