"""`bench sampler` compares results before it compares speed, and asks for what cannot be meant by name."""

from __future__ import annotations

import json
from functools import partial

import pytest

from valle_bench.commands.sampler import Options
from valle_bench.runner import ask as asking
from valle_bench.runner.here import converse_here
from valle_bench.sampler import implementations
from valle_bench.sampler.plot import draw
from valle_bench.sampler.run import rows_of, run
from valle_bench.sampler.settings import CHAIN, CHAIN_OF, STEP, UNSEEDED, Candidate, Cell, Figure, Settings
from valle_bench.sampler.tables import SamplerReport
from valle_core.plugin import UserError

SMALL = Settings(tokens=17, history=5, repeats=1, layers=0)


@pytest.fixture
def measure(monkeypatch):
    """In this process."""
    monkeypatch.setattr(asking, "converse", converse_here)

    def measured(*samplers, options=None):
        return run(Candidate(samplers=samplers, options=options or {}), [1, 3], SMALL, lambda *_: None)

    return measured


def test_every_role_is_measured_beside_what_it_replaces(measure, tmp_path):
    found = measure(*CHAIN_OF, "beam", "length_penalty", "dry", options={"top_k": {"k": "3"}})
    rows = {(row.sampler, row.implementation, row.batch): row for row in found.rows}
    assert found.notes == {}
    for sampler in (*CHAIN_OF, "beam", "length_penalty", "dry", CHAIN):
        for batch in (1, 3):
            assert rows[sampler, "valle", batch].match is True, sampler
            assert rows[sampler, "valle", batch].seconds > 0
    for sampler in ("repetition_penalty", "temperature", "top_k", "top_p", "length_penalty"):
        assert rows[sampler, "transformers", 3].match is True, sampler
        assert rows[sampler, "transformers", 3].ratio > 0
    assert rows["sample", UNSEEDED, 3].ratio > 0
    report = SamplerReport(rows=found.rows, absent={"acme": "is broken"}, settings=SMALL, facts={"cores": 2})
    (page, text) = report.save(tmp_path)
    draw(tmp_path / "sampler.png", report.title, found.rows)
    assert json.loads(page.read_text())["rows"][0]["sampler"] == "repetition_penalty"
    assert "acme: is broken" in text.read_text()
    assert (tmp_path / "sampler.png").stat().st_size > 1000


def test_a_reference_with_another_result_has_no_ratio(measure, monkeypatch):
    def wrong(found, sampler):
        return {"wrong": lambda history, logits: logits + 1, "broken": partial(int, "x")}, {"gone": "is missing"}

    monkeypatch.setattr(implementations, "load_references", wrong)
    found = measure("top_k")
    rows = {(row.implementation, row.batch): row for row in found.rows}
    assert rows["wrong", 3].match is False
    assert rows["wrong", 3].ratio is None
    assert rows["broken", 3].note.startswith("failed: ")
    assert found.notes == {"gone, top_k": "is missing"}


def test_a_sampler_that_cannot_be_built_is_named_and_the_others_go_on(measure):
    found = measure("top_k", "top_p", options={"top_k": {"k": "0"}})
    assert found.notes["top_k"].endswith("must be at least 1, got 0")
    assert {row.sampler for row in found.rows} == {"top_p"}


def test_a_sampler_is_told_as_part_of_a_decoding_step():
    figures = {"valle": Figure(seconds=1e-4, runs=3, match=True), "transformers": Figure(seconds=2e-4, match=True)}
    own, theirs = rows_of(Cell(sampler="top_k", batch=1), figures, 1e-2)
    assert own.of_step == pytest.approx(0.01)
    assert (theirs.of_step, theirs.ratio) == (None, 2.0)
    (step,) = rows_of(Cell(sampler=STEP, batch=1), {"valle": Figure(seconds=1e-2)}, 1e-2)
    assert step.of_step is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tokens": 1}, "tokens must be at least 2, got 1"),
        ({"history": 0}, "history must be at least 1, got 0"),
        ({"cell_seconds": 0.0}, "cell_seconds must be at least 0.1, got 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        Options(**given)
