"""The runner goes on behind what dies, and lays a death to the implementation that had begun by itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from valle_bench.runner import ask as asking
from valle_bench.runner.ask import Count, ask, ask_alone
from valle_bench.runner.measurement import OWN, Job, Measurement, Opened
from valle_bench.runner.turns import in_turns
from valle_bench.runner.worker import work

KILLED = "failed: the process was killed by signal 9"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    name: str
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Settings:
    cell_seconds: float = 1.0
    safe: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    what: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    seconds: float | None = None
    note: str = ""


class DiedError(Exception):
    """Stands for the end of the worker's process."""


def opens(registry, job):
    if job.candidate.name == "broken":
        raise DiedError
    implementations = [implementation for implementation in (OWN, "other", "third") if job.only in ("", implementation)]

    def measured(cell, without, alone):
        found = {}
        for implementation in implementations:
            if implementation in without:
                continue
            alone(implementation if cell.what != "all die" else "")
            if cell.what in ("all die", f"{implementation} dies"):
                raise DiedError
            found[implementation] = Figure(seconds=1.0)
        return found

    notes = dict.fromkeys(implementations, "") | {"gone": "not here"}
    return Opened(notes=notes, facts={"sizes": job.candidate.sizes}, measure=measured)


FAKE = Measurement(
    home=f"{__name__}:FAKE", candidate=Candidate, settings=Settings, cell=Cell, figure=Figure, opens=opens
)  # fmt: skip


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """The worker's side without a process: what it said until it died."""

    def converse(module, text, *, patience, begin):
        assert (module, patience) == (asking.WORKER, 80)
        lines = []

        def say(line):
            lines.append(line)
            if "begin" in line:
                begin(line["begin"])

        try:
            work(Job.read(text), None, say)
        except DiedError:
            return lines, KILLED
        return lines, ""

    monkeypatch.setattr(asking, "converse", converse)


def job(*whats, name="whole"):
    cells = tuple(Cell(what=what) for what in whats)
    return Job(measurement=FAKE, candidate=Candidate(name=name), settings=Settings(), cells=cells)


def test_a_job_travels_as_one_line():
    sent = job("a", "b")
    assert Job.read(sent.text()) == sent
    assert "\n" not in sent.text()


def test_a_death_without_a_culprit_costs_the_cell_and_nothing_else():
    begun = []
    found = ask(job("a", "all die", "c"), begun.append)
    assert [cell.what for cell in begun] == ["a", "all die", "c"]
    assert found.loaded == [OWN, "other", "third"]
    assert found.facts == {"sizes": (1, 2)}
    dead = found.figures[Cell(what="all die")]
    assert dead == dict.fromkeys((OWN, "other", "third"), Figure(note=KILLED))
    assert all(figure.seconds for cell in ("a", "c") for figure in found.figures[Cell(what=cell)].values())


def test_a_side_that_dies_by_itself_costs_only_itself():
    begun = []
    found = ask(job("other dies", "c"), begun.append)
    assert [cell.what for cell in begun] == ["other dies", "c"]
    at = found.figures[Cell(what="other dies")]
    assert at["other"].note == KILLED
    assert at[OWN].seconds == at["third"].seconds == 1.0
    assert found.figures[Cell(what="c")]["other"].seconds == 1.0


def test_what_dies_while_it_loads_is_asked_once():
    found = ask(job("a", name="broken"), lambda _: None)
    assert (found.implementations, found.figures) == ({OWN: KILLED}, {})


def test_one_side_at_a_time_has_a_reason_where_it_has_no_figure():
    figures = ask_alone(job("other dies"), [OWN, "other"], lambda _: None)[Cell(what="other dies")]
    assert figures[OWN].seconds == 1.0
    assert figures["other"].note == KILLED


def test_a_bar_never_passes_its_end():
    begun = []
    count = Count(1, lambda done, total, name: begun.append((done, total, name)))
    count.begin("a")
    count.begin("a again")
    count.end()
    assert begun == [(0, 1, "a"), (1, 1, "a again"), (1, 1, "")]


def test_sides_take_turns_and_long_runs_are_fewer():
    order = []
    runs = {
        implementation: lambda implementation=implementation: order.append(implementation) or 1.0
        for implementation in ("fast", "slow")
    }
    times = in_turns(runs, {"fast": 0.1, "slow": 3.0}, repeats=2, least=0.5, most=4, limit=5.0)
    assert {implementation: len(found) for implementation, found in times.items()} == {"fast": 4, "slow": 1}
    assert sorted(order[:2]) == ["fast", "slow"]
    assert order[2:] == ["fast"] * 3


def test_nobody_runs_behind_the_same_one_in_every_turn():
    order = []
    runs = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    in_turns(runs, dict.fromkeys(runs, 1.0), repeats=12, least=0.0, most=12, limit=99.0)
    turns = [tuple(order[at : at + 3]) for at in range(0, len(order), 3)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in turns)
    assert {turn.index("b") - turn.index("a") == 1 for turn in turns} == {True, False}
