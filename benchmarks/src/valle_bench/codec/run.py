"""The whole of `bench codec`: let a process measure each codec, turn the answers into rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from valle_bench.codec.settings import OWN, Cell, Figure, Settings, Subject, memory_cells, shared_cells
from valle_bench.codec.worker import Job
from valle_bench.conversation import converse

EQUAL_CODES = 0.999
"""Least share of equal codes that is called a match: two entries may be equally near but for the last place, and a code
that differs changes those of the levels above it."""

EQUAL_SOUND = 1e-3
"""Largest difference of samples, relative to the largest sample, that is called a match."""

SILENCE = 20.0
"""A worker that says nothing for this many times `cell_seconds` (and a minute) is stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One figure of one side.

    Attributes:
        codec: its name.
        side: "valle", or the peer's name.
        what, seconds, batch: the cell.
        figure: what was measured.
        realtime: seconds of sound per second of computing.
        match: whether a peer's result is ours; None for our side, for memory and where nothing was compared.
        ratio: the peer's time over ours: how many times faster ours is; None unless `match`.
    """

    codec: str
    side: str
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
        notes: for each side "" or why it took no part.
        rows: all figures.
    """

    codec: str
    facts: Mapping[str, Any]
    notes: Mapping[str, str]
    rows: Sequence[Row]

    @property
    def bits_per_second(self) -> float | None:
        """Frames per second × levels × log₂ V."""
        if not self.facts:
            return None
        frame_rate = self.facts["sample_rate"] / self.facts["hop"]
        return frame_rate * self.facts["levels"] * math.log2(self.facts["codebook_size"])


Tell = Callable[[int, int, str], None]
"""Takes cells done, cells in all, and what is being measured."""


def run(subjects: Sequence[Subject], settings: Settings, tell: Tell) -> list[Measured]:
    """Measure everything; `tell` is called before each cell."""
    shared, alone = shared_cells(settings), memory_cells(settings)
    total, done = len(subjects) * (len(shared) + len(alone)), 0
    found = []
    for subject in subjects:

        def begin(cell: Cell, subject: Subject = subject) -> None:
            nonlocal done
            tell(done, total, f"{subject.codec}: {cell}")
            done += 1

        facts, sides, figures = ask(Job(subject=subject, settings=settings, cells=tuple(shared)), begin)
        if facts and alone:
            built = replace(subject, options=facts["options"])
            there = [side for side, note in sides.items() if not note]
            job = Job(subject=built, settings=settings, cells=tuple(alone))
            for turn, side in enumerate(there):
                skip: Callable[[Cell], None] = begin if turn == 0 else lambda _: None
                _, _, more = ask(replace(job, only=side), skip)
                for cell, by_side in more.items():
                    figures.setdefault(cell, {}).update(by_side)
        found.append(Measured(codec=subject.codec, facts=facts, notes=sides, rows=_rows(subject.codec, figures)))
    tell(total, total, "")
    return found


def ask(
    job: Job, begin: Callable[[Cell], None]
) -> tuple[dict[str, Any], dict[str, str], dict[Cell, dict[str, Figure]]]:
    """Let a process do the job; where it dies, the cell says so and another process goes on behind it."""
    facts: dict[str, Any] = {}
    sides: dict[str, str] = {}
    figures: dict[Cell, dict[str, Figure]] = {}
    cells = job.cells
    while cells:
        answers, ended = converse(
            "valle_bench.codec.worker",
            replace(job, cells=cells).text(),
            patience=SILENCE * job.settings.cell_seconds + 60,
            begin=lambda index, cells=cells: begin(cells[index]),
        )
        for line in answers:
            sides |= line.get("sides", {})
            facts |= line.get("facts", {})
            if "cell" in line:
                figures[cells[line["cell"]]] = {side: Figure(**figure) for side, figure in line["figures"].items()}
        if not ended:
            break
        begun = [line["begin"] for line in answers if "begin" in line]
        if not begun:  # it died before the first cell: it would again
            sides = {job.only or OWN: ended} | sides
            break
        failed = cells[begun[-1]]
        figures.setdefault(failed, {side: Figure(note=ended) for side, note in sides.items() if not note})
        cells = cells[begun[-1] + 1 :]
    return facts, sides, figures


def _rows(codec: str, figures: Mapping[Cell, Mapping[str, Figure]]) -> list[Row]:
    rows = []
    for cell, by_side in figures.items():
        own = by_side.get(OWN, Figure())
        for side, figure in by_side.items():
            match = matches(figure) if side != OWN else None
            fast = figure.audio / figure.seconds if figure.audio and figure.seconds else None
            ratio = figure.seconds / own.seconds if match and figure.seconds and own.seconds else None
            rows.append(
                Row(codec=codec, side=side, what=cell.what, seconds=cell.seconds, batch=cell.batch, figure=figure,
                    realtime=fast, match=match, ratio=ratio)
            )  # fmt: skip
    return rows


def matches(figure: Figure) -> bool | None:
    """Whether a peer's codes or sound are ours; None where nothing was compared."""
    if figure.equal is not None:
        return figure.equal >= EQUAL_CODES
    return None if figure.difference is None else figure.difference <= EQUAL_SOUND
