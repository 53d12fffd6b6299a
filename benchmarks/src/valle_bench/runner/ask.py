"""Lets worker processes do a job: what they answered, and which cell or implementation ended one before its time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from valle_bench.conversation import converse
from valle_bench.runner.measurement import OWN, Figures, Job

WORKER = "valle_bench.runner.worker"
SILENCE = 20.0
"""A worker that says nothing for this many times `cell_seconds` (and a minute) is stopped."""

Tell = Callable[[int, int, str], None]
"""Takes cells done, cells in all, and what is being measured."""


@dataclass(slots=True)
class Answer:
    """What was measured of one candidate.

    Attributes:
        implementations: for each "" or why it took no part.
        facts: as the candidate says them.
        figures: by cell and implementation.
    """

    implementations: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    figures: dict[Any, Figures] = field(default_factory=dict)

    @property
    def loaded(self) -> list[str]:
        """The implementations that took part."""
        return [implementation for implementation, note in self.implementations.items() if not note]


class Count:
    """Counts the cells of a run for its progress bar."""

    def __init__(self, total: int, tell: Tell) -> None:
        self.total, self.done, self._tell = total, 0, tell

    def begin(self, name: str) -> None:
        """A cell begins."""
        self._tell(min(self.done, self.total), self.total, name)
        self.done += 1

    def end(self) -> None:
        """All are done."""
        self._tell(self.total, self.total, "")


def ask(job: Job, begin: Callable[[Any], None]) -> Answer:
    """Let a process do the job; where it dies, the cell says so and another process goes on behind it.

    One that was announced to begin by itself is the one that died: the cell is then measured again without it.

    Args:
        job: what to measure.
        begin: told each cell when it begins.
    """
    found = Answer()
    while job.cells:
        cells = job.cells
        answers, ended = converse(
            WORKER,
            job.text(),
            patience=SILENCE * job.settings.cell_seconds + 60,
            begin=lambda index, job=job: None if job.without.get(index) else begin(job.cells[index]),
        )
        for line in answers:
            found.implementations |= line.get("implementations", {})
            found.facts |= line.get("facts", {})
            if "cell" in line:
                made = {
                    implementation: job.measurement.figure(**figure)
                    for implementation, figure in line["figures"].items()
                }
                found.figures.setdefault(cells[line["cell"]], {}).update(made)
        if not ended:
            break
        begun = [line["begin"] for line in answers if "begin" in line]
        if not begun:  # it died before the first cell: it would again
            found.implementations = {job.only or OWN: ended} | found.implementations
            break
        job = _after_death(job, found, begun[-1], _alone(answers), ended)
    return found


def _alone(answers: Sequence[dict[str, Any]]) -> str:
    """The implementation that had begun by itself when the answers ended; "" where none had."""
    last = answers[-1] if answers else {}
    return str(last.get("alone", ""))


def _after_death(job: Job, found: Answer, index: int, alone: str, ended: str) -> Job:
    """The job that is left: the same cell without the implementation that died in it, else what is behind the cell."""
    dead = job.measurement.figure(note=ended)
    by_implementation = found.figures.setdefault(job.cells[index], {})
    if alone:
        by_implementation[alone] = dead
        left = replace(job, cells=job.cells[index:], without={0: (*job.without.get(index, ()), alone)})
        return left if len(by_implementation) < len(found.loaded) else left.behind(0)
    for implementation in found.loaded:
        by_implementation.setdefault(implementation, dead)
    return job.behind(index)


def ask_alone(job: Job, implementations: Iterable[str], begin: Callable[[Any], None]) -> dict[Any, Figures]:
    """The job once for each implementation, in a process that does nothing else: for peak memory.

    Args:
        job: its cells are measured in turn.
        implementations: that were loaded.
        begin: told each cell once.
    """
    figures: dict[Any, Figures] = {cell: {} for cell in job.cells}
    for turn, implementation in enumerate(implementations):
        quiet: Callable[[Any], None] = begin if turn == 0 else lambda _: None
        answer = ask(replace(job, only=implementation), quiet)
        nothing = answer.implementations.get(implementation) or "failed: the process gave no answer"
        for cell in job.cells:
            made = answer.figures.get(cell, {})
            figures[cell][implementation] = made.get(implementation, job.measurement.figure(note=nothing))
    return figures
