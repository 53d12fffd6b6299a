"""The whole of `bench codec`: let a process measure each codec, turn the answers into rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from valle_bench.codec.measurement import MEASUREMENT
from valle_bench.codec.settings import OWN, Candidate, Cell, Figure, Settings, memory_cells, shared_cells
from valle_bench.runner.ask import Count, Tell, ask, ask_alone
from valle_bench.runner.measurement import Job

EQUAL_CODES = 0.999
"""Least share of equal codes that is called a match: two entries may be equally near but for the last place, and a code
that differs changes those of the levels above it."""

EQUAL_SOUND = 1e-3
"""Largest difference of samples, relative to the largest sample, that is called a match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One figure of one implementation.

    Attributes:
        codec: its name.
        implementation: "valle", or the reference's name.
        what, seconds, batch: the cell.
        figure: what was measured.
        realtime: seconds of sound per second of computing.
        match: whether a reference's result is ours; None for ours, for memory and where nothing was compared.
        ratio: the reference's time over ours: how many times faster ours is; None unless `match`.
    """

    codec: str
    implementation: str
    what: str
    seconds: float
    batch: int
    figure: Figure
    realtime: float | None = None
    match: bool | None = None
    ratio: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All about one codec.

    Attributes:
        codec: its name.
        facts: as it says them, see `Sides.facts`; empty where it could not be built.
        notes: for each implementation "" or why it took no part.
        rows: all figures.
    """

    codec: str
    facts: Mapping[str, Any]
    notes: Mapping[str, str]
    rows: Sequence[Result]

    @property
    def bits_per_second(self) -> float | None:
        """Frames per second × levels × log₂ V."""
        if not self.facts:
            return None
        frame_rate = self.facts["sample_rate"] / self.facts["hop"]
        return frame_rate * self.facts["levels"] * math.log2(self.facts["codebook_size"])


def run(candidates: Sequence[Candidate], settings: Settings, tell: Tell) -> list[Measured]:
    """Measure everything; `tell` is called before each cell."""
    shared, alone = tuple(shared_cells(settings)), tuple(memory_cells(settings))
    count = Count(len(candidates) * (len(shared) + len(alone)), tell)
    found = []
    for candidate in candidates:

        def begin(cell: Cell, candidate: Candidate = candidate) -> None:
            count.begin(f"{candidate.codec}: {cell}")

        job = Job(measurement=MEASUREMENT, candidate=candidate, settings=settings, cells=shared)
        answer = ask(job, begin)
        if answer.facts and alone:
            built = replace(candidate, options=answer.facts["options"])
            answer.figures |= ask_alone(replace(job, candidate=built, cells=alone), answer.loaded, begin)
        rows = _rows(candidate.codec, answer.figures)
        found.append(Measured(codec=candidate.codec, facts=answer.facts, notes=answer.implementations, rows=rows))
    count.end()
    return found


def _rows(codec: str, figures: Mapping[Cell, Mapping[str, Figure]]) -> list[Result]:
    rows = []
    for cell, by_implementation in figures.items():
        own = by_implementation.get(OWN, Figure())
        for implementation, figure in by_implementation.items():
            match = matches(figure) if implementation != OWN else None
            fast = figure.audio / figure.seconds if figure.audio and figure.seconds else None
            ratio = figure.seconds / own.seconds if match and figure.seconds and own.seconds else None
            rows.append(
                Result(codec=codec, implementation=implementation, what=cell.what, seconds=cell.seconds,
                       batch=cell.batch, figure=figure,
                    realtime=fast, match=match, ratio=ratio)
            )  # fmt: skip
    return rows


def matches(figure: Figure) -> bool | None:
    """Whether a reference's codes or sound are ours; None where nothing was compared."""
    if figure.equal is not None:
        return figure.equal >= EQUAL_CODES
    return None if figure.difference is None else figure.difference <= EQUAL_SOUND
