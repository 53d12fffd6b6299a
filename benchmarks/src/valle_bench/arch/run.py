"""The whole of `bench arch`: plan the candidates, let a process measure each, turn the answers into rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from valle_bench.arch.measurement import MEASUREMENT
from valle_bench.arch.settings import OWN, Candidate, Cell, Figure, Settings, memory_cells, timed_cells
from valle_bench.arch.sizes import equal_size, given_size
from valle_bench.runner.ask import Count, Tell, ask, ask_alone
from valle_bench.runner.measurement import Job
from valle_core.registry.registry import Registry

REFERENCE = "llama"
"""The backbone whose parameter count the others are brought to, where it is among them; else the first."""

TOLERANCE = 1e-3
"""Largest difference (relative to the larger of 1 and the largest value) that is called a match, in float32."""

STEP = 5e-2
"""The same where states are rounded inside: the median must be within `TOLERANCE`, and no value further off than what
a rounding that went the other way explains."""

Size = Literal["given", "equal"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One figure of one implementation.

    Attributes:
        size: "given" (d_model and layers as asked, references beside it) or "equal" (about one parameter count).
        arch: the backbone.
        implementation: "valle", or the reference's name.
        parameters, options: of the backbone.
        what, length: the cell.
        seconds, nbytes, difference, typical, note: as in `Figure`.
        tokens_per_s: positions per second; None for memory.
        match: whether the reference's result is ours (`matches`); None for ours and where nothing was compared.
        ratio: the reference's seconds over ours: how many times faster ours is; None unless `match`.
    """

    size: Size
    arch: str
    implementation: str
    parameters: int
    options: Mapping[str, Any]
    what: str
    length: int
    seconds: float | None
    runs: int
    tokens_per_s: float | None
    nbytes: int | None
    difference: float | None
    typical: float | None
    match: bool | None
    ratio: float | None
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SizedJob:
    """One job and which rows it fills."""

    sizes: tuple[Size, ...]
    job: Job


def plan(
    registry: Registry, archs: Sequence[str], settings: Settings, extra: Mapping[str, Mapping[str, Any]]
) -> list[SizedJob]:
    """What is to be measured: each backbone at the given size, and at the common parameter count where that differs.

    Raises:
        UserError: a backbone that is not there or cannot have the size.
    """
    given = [given_size(registry, arch, settings, extra.get(arch, {})) for arch in archs]
    target = next((candidate for candidate in given if candidate.arch == REFERENCE), given[0]).parameters
    tasks = []
    for candidate in given:
        equal = equal_size(registry, candidate, target, settings, extra.get(candidate.arch, {}))
        same = equal.options == candidate.options
        sizes: tuple[Size, ...] = ("given", "equal") if same else ("given",)
        tasks.append(SizedJob(sizes=sizes, job=_timing(candidate, settings, references=True)))
        if not same:
            tasks.append(SizedJob(sizes=("equal",), job=_timing(equal, settings, references=False)))
    return tasks


def _timing(candidate: Candidate, settings: Settings, *, references: bool) -> Job:
    cells = tuple(timed_cells(settings))
    return Job(measurement=MEASUREMENT, candidate=candidate, settings=settings, cells=cells, references=references)


def run(tasks: Sequence[SizedJob], tell: Tell) -> list[Result]:
    """Measure everything; `tell` is called before each cell. Peak memory is that of a fresh process for each figure."""
    rows: list[Result] = []
    count = Count(sum(len(task.job.cells) + len(memory_cells(task.job.settings)) for task in tasks), tell)
    for task in tasks:

        def begin(cell: Cell, task: SizedJob = task) -> None:
            count.begin(f"{task.job.candidate.arch}: {cell.what}, T = {cell.length}")

        answer = ask(task.job, begin)
        for cell in memory_cells(task.job.settings):
            answer.figures |= ask_alone(replace(task.job, cells=(cell,)), answer.loaded, begin)
        for size in task.sizes:
            rows += _rows(size, task.job.candidate, answer.implementations, answer.figures)
    count.end()
    return rows


def _rows(
    size: Size, candidate: Candidate, implementations: Mapping[str, str], figures: Mapping[Cell, Mapping[str, Figure]]
) -> list[Result]:
    rows = []
    for implementation, note in implementations.items():
        if size == "equal" and implementation != OWN:
            continue
        if note:
            rows.append(
                _row(size, candidate, implementation, Cell(what="forward", length=0), Figure(note=note), Figure())
            )
        for cell, measured in figures.items():
            if implementation in measured:
                rows.append(
                    _row(size, candidate, implementation, cell, measured[implementation], measured.get(OWN, Figure()))
                )
    return rows


def matches(figure: Figure, *, rounds: bool) -> bool | None:
    """Whether a reference's result is ours; None where nothing was compared."""
    if figure.difference is None:
        return None
    if not rounds or figure.typical is None:
        return figure.difference <= TOLERANCE
    return figure.typical <= TOLERANCE and figure.difference <= STEP


def _row(size: Size, candidate: Candidate, implementation: str, cell: Cell, figure: Figure, own: Figure) -> Result:
    match = matches(figure, rounds=candidate.rounds)
    positions = 1 if cell.what == "decode" else cell.length
    return Result(
        size=size,
        arch=candidate.arch,
        implementation=implementation,
        parameters=candidate.parameters,
        options=candidate.options,
        what=cell.what,
        length=cell.length,
        seconds=figure.seconds,
        runs=figure.runs,
        tokens_per_s=positions / figure.seconds if figure.seconds else None,
        nbytes=figure.nbytes,
        difference=figure.difference,
        typical=figure.typical,
        match=match,
        ratio=figure.seconds / own.seconds if match and figure.seconds and own.seconds else None,
        note=figure.note,
    )
