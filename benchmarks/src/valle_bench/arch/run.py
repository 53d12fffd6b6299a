"""The whole of `bench arch`: plan the subjects, let a process measure each, turn the answers into rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from valle_bench.arch.measurement import MEASUREMENT
from valle_bench.arch.settings import OWN, Cell, Figure, Settings, Subject, memory_cells, timed_cells
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
class Row:
    """One figure of one side.

    Attributes:
        size: "given" (d_model and layers as asked, peers beside it) or "equal" (about one parameter count).
        arch: the backbone.
        side: "valle", or the peer's name.
        parameters, options: of the backbone.
        what, length: the cell.
        seconds, nbytes, difference, typical, note: as in `Figure`.
        tokens_per_s: positions per second; None for memory.
        match: whether the peer's result is ours (`matches`); None for our side and where nothing was compared.
        ratio: the peer's seconds over ours: how many times faster ours is; None unless `match`.
    """

    size: Size
    arch: str
    side: str
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
class Task:
    """One job and which rows it fills."""

    sizes: tuple[Size, ...]
    job: Job


def plan(
    registry: Registry, archs: Sequence[str], settings: Settings, extra: Mapping[str, Mapping[str, Any]]
) -> list[Task]:
    """What is to be measured: each backbone at the given size, and at the common parameter count where that differs.

    Raises:
        UserError: a backbone that is not there or cannot have the size.
    """
    given = [given_size(registry, arch, settings, extra.get(arch, {})) for arch in archs]
    target = next((subject for subject in given if subject.arch == REFERENCE), given[0]).parameters
    tasks = []
    for subject in given:
        equal = equal_size(registry, subject, target, settings, extra.get(subject.arch, {}))
        same = equal.options == subject.options
        sizes: tuple[Size, ...] = ("given", "equal") if same else ("given",)
        tasks.append(Task(sizes=sizes, job=_timing(subject, settings, references=True)))
        if not same:
            tasks.append(Task(sizes=("equal",), job=_timing(equal, settings, references=False)))
    return tasks


def _timing(subject: Subject, settings: Settings, *, references: bool) -> Job:
    cells = tuple(timed_cells(settings))
    return Job(measurement=MEASUREMENT, subject=subject, settings=settings, cells=cells, references=references)


def run(tasks: Sequence[Task], tell: Tell) -> list[Row]:
    """Measure everything; `tell` is called before each cell. Peak memory is that of a fresh process for each figure."""
    rows: list[Row] = []
    count = Count(sum(len(task.job.cells) + len(memory_cells(task.job.settings)) for task in tasks), tell)
    for task in tasks:

        def begin(cell: Cell, task: Task = task) -> None:
            count.begin(f"{task.job.subject.arch}: {cell.what}, T = {cell.length}")

        answer = ask(task.job, begin)
        for cell in memory_cells(task.job.settings):
            answer.figures |= ask_alone(replace(task.job, cells=(cell,)), answer.loaded, begin)
        for size in task.sizes:
            rows += _rows(size, task.job.subject, answer.sides, answer.figures)
    count.end()
    return rows


def _rows(
    size: Size, subject: Subject, sides: Mapping[str, str], figures: Mapping[Cell, Mapping[str, Figure]]
) -> list[Row]:
    rows = []
    for side, note in sides.items():
        if size == "equal" and side != OWN:
            continue
        if note:
            rows.append(_row(size, subject, side, Cell(what="forward", length=0), Figure(note=note), Figure()))
        for cell, measured in figures.items():
            if side in measured:
                rows.append(_row(size, subject, side, cell, measured[side], measured.get(OWN, Figure())))
    return rows


def matches(figure: Figure, *, rounds: bool) -> bool | None:
    """Whether a peer's result is ours; None where nothing was compared."""
    if figure.difference is None:
        return None
    if not rounds or figure.typical is None:
        return figure.difference <= TOLERANCE
    return figure.typical <= TOLERANCE and figure.difference <= STEP


def _row(size: Size, subject: Subject, side: str, cell: Cell, figure: Figure, own: Figure) -> Row:
    match = matches(figure, rounds=subject.rounds)
    positions = 1 if cell.what == "decode" else cell.length
    return Row(
        size=size,
        arch=subject.arch,
        side=side,
        parameters=subject.parameters,
        options=subject.options,
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
