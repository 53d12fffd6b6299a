"""The whole of `bench attention`: let a process measure the cells, turn the answers into rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from valle_bench.attention.measurement import MEASUREMENT
from valle_bench.attention.settings import EAGER, Candidate, Cell, Figure, Settings
from valle_bench.attention.work import flops, nbytes
from valle_bench.runner.ask import Count, Tell, ask
from valle_bench.runner.measurement import Job

TOLERANCE = {"float64": 1e-10, "float32": 1e-4, "float16": 5e-3, "bfloat16": 3e-2}
"""Largest error that is called a match: some tens of the dtype's last place, of the largest value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One figure of one kernel.

    Attributes:
        kernel: its name.
        cell: what was measured; None for a kernel that took no part.
        seconds, runs, clock, nbytes, error, note: as in `Figure`.
        tflops: operations of the formula per second, in 10¹².
        peak_share: of the best matrix product in the same process.
        gbps: bytes of inputs and results per second, in 10⁹.
        bandwidth_share: of the best copy in the same process.
        match: whether the error is within the tolerance of the dtype.
        times_eager: how many times faster than `eager`; None unless both match.
        of_best: share of the speed of the fastest kernel that matches; 1 for that one.
        times_against: how many times faster than the kernel that `--against` names.
        times_before: how many times faster than in the file that `--compare` names.
    """

    kernel: str
    cell: Cell | None
    seconds: float | None = None
    runs: int = 0
    clock: str = ""
    nbytes: int | None = None
    error: float | None = None
    note: str = ""
    tflops: float | None = None
    peak_share: float | None = None
    gbps: float | None = None
    bandwidth_share: float | None = None
    match: bool | None = None
    times_eager: float | None = None
    of_best: float | None = None
    times_against: float | None = None
    times_before: float | None = None

    def flat(self) -> dict[str, Any]:
        """For JSON and CSV: the fields of the cell beside those of the row, names without units in SI units."""
        mine = asdict(self)
        cell = mine.pop("cell") or {}
        more = {"batch": self.cell.batch, "padding": self.cell.padding} if self.cell else {}
        return {"kernel": mine.pop("kernel"), **cell, **more, **mine}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All of one run.

    Attributes:
        rows: every kernel in every cell, and those that took no part.
        peaks: `flops` by dtype and `bandwidth`, as measured beside the kernels.
    """

    rows: Sequence[Result]
    peaks: Mapping[str, Any]


def run(
    candidate: Candidate,
    left: Mapping[str, str],
    cells: Sequence[Cell],
    settings: Settings,
    tell: Tell,
    *,
    against: str = "",
    before: Mapping[str, float] | None = None,
) -> Measured:
    """Measure everything; `tell` is called before each cell.

    Args:
        left: kernels that take no part, with the reason.
        against: kernel whose time `times_against` is over.
        before: seconds of an older run, by `key`.
    """
    count = Count(len(cells), tell)
    job = Job(measurement=MEASUREMENT, candidate=candidate, settings=settings, cells=tuple(cells))
    answer = ask(job, lambda cell: count.begin(str(cell)))
    count.end()
    rows = []
    for cell, figures in answer.figures.items():
        rows += rows_of(cell, figures, answer.facts, against=against, before=before or {})
    absent = {name: note for name, note in answer.implementations.items() if note} | dict(left)
    rows += [Result(kernel=name, cell=None, note=note) for name, note in absent.items()]
    return Measured(rows=rows, peaks=answer.facts)


def rows_of(
    cell: Cell,
    figures: Mapping[str, Figure],
    peaks: Mapping[str, Any],
    *,
    against: str = "",
    before: Mapping[str, float] | None = None,
) -> list[Result]:
    """The rows of one cell, with ratios among those that match."""
    right = {name: one.seconds for name, one in figures.items() if matches(one, cell.dtype) and one.seconds}
    best = min(right.values(), default=None)
    product, bandwidth = peaks.get("flops", {}).get(cell.dtype), peaks.get("bandwidth")
    rows = []
    for name, one in figures.items():
        rate = flops(cell) / one.seconds if one.seconds else None
        moved = nbytes(cell) / one.seconds if one.seconds else None
        mine = right.get(name)
        rows.append(
            Result(
                kernel=name,
                cell=cell,
                **asdict(one),
                tflops=rate and rate / 1e12,
                peak_share=_over(rate, product),
                gbps=moved and moved / 1e9,
                bandwidth_share=_over(moved, bandwidth),
                match=matches(one, cell.dtype),
                times_eager=_over(right.get(EAGER), mine),
                of_best=_over(best, mine),
                times_against=_over(right.get(against), mine),
                times_before=_over((before or {}).get(key(name, cell)), mine),
            )
        )
    return rows


def matches(figure: Figure, dtype: str) -> bool | None:
    """Whether the results are those of float64; None where there are none."""
    return None if figure.error is None else figure.error <= TOLERANCE[dtype]


def key(kernel: str, cell: Cell) -> str:
    """What makes a figure of two runs the same one."""
    parts: Iterable[Any] = asdict(cell).values()
    return ";".join([kernel, *(",".join(map(str, x)) if isinstance(x, list | tuple) else str(x) for x in parts)])


def _over(a: float | None, b: float | None) -> float | None:
    return a / b if a and b else None
