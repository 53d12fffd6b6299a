"""A ratio is shown only beside a match, and what is missing is named."""

from __future__ import annotations

import json

import pytest

from valle_bench.arch.plot import draw
from valle_bench.arch.run import _rows, matches
from valle_bench.arch.settings import OWN, Candidate, Cell, Figure, Settings
from valle_bench.arch.tables import ArchReport

SETTINGS = Settings(lengths=(256, 512), positions=(1024, 4096))
CANDIDATE = Candidate(arch="fake", options={"d_model": 512, "n_layers": 4}, parameters=1000)


@pytest.fixture
def report():
    implementations = {
        OWN: "",
        "same": "",
        "other": "",
        "absent": "torchscale is missing. Install it with: pip install x",
    }
    figures = {
        Cell(what="forward", length=256): {
            OWN: Figure(seconds=0.1),
            "same": Figure(seconds=0.3, difference=1e-6),
            "other": Figure(seconds=0.9, difference=0.5),
        },
        Cell(what="forward", length=512): {
            OWN: Figure(seconds=0.2),
            "same": Figure(note="skipped: about 99 s a run foreseen, the limit is 30 s"),
            "other": Figure(seconds=0.9, difference=float("inf")),
        },
        Cell(what="decode", length=1024): {OWN: Figure(seconds=0.001, nbytes=2_000_000)},
        Cell(what="decode", length=4096): {OWN: Figure(seconds=0.0012, nbytes=2_000_000)},
        Cell(what="train memory", length=512): {OWN: Figure(nbytes=50_000_000)},
    }
    rows = [row for size in ("given", "equal") for row in _rows(size, CANDIDATE, implementations, figures)]
    return ArchReport(rows=rows, settings=SETTINGS, facts={"cores": 2})


def test_a_ratio_stands_only_where_the_peer_matches(report):
    found = {(row.implementation, row.length): (row.match, row.ratio) for row in report.rows if row.what == "forward"}
    assert found["same", 256] == (True, pytest.approx(3.0))
    assert found["other", 256] == (False, None)
    lines = [line.split() for line in report.sections()[0].text().splitlines()]
    same, other = (
        next(line for line in lines if line[1] == implementation and line[3] == "256")
        for implementation in ("same", "other")
    )
    assert same[-5:-2] == ["3.00", "yes", "1e-06"]
    assert other[-5:-2] == ["-", "NO", "5e-01"]


def test_what_is_missing_is_named_in_text_and_page(report):
    for text in (report.text(), report.markdown()):
        assert "fake, same, forward, T = 512: skipped: about 99 s a run foreseen" in text
        assert "fake, absent, torchscale is missing" in text
    assert "skipped" in report.sections()[0].text()


def test_the_tables_say_count_speed_state_and_how_flat_decoding_is(report):
    beside, passes, decoding = report.sections()
    assert "absent" not in beside.text()
    assert passes.rows[0]["parameters"] == 1000
    assert passes.rows[0]["train memory"] == "50"
    assert decoding.rows[0]["slower"] == "1.20"
    assert decoding.rows[0]["state 4096"] == "2.00"


def test_json_is_strict_and_the_picture_is_drawn(report, tmp_path):
    report.save(tmp_path)
    saved = json.loads((tmp_path / "arch.json").read_text(), parse_constant=lambda word: pytest.fail(word))
    assert {row["implementation"] for row in saved["rows"]} == {OWN, "same", "other", "absent"}
    draw(tmp_path / "arch.png", "t", report.rows)
    assert (tmp_path / "arch.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("difference", "typical", "rounds", "match"),
    [
        (2e-2, 1e-6, True, True),
        (2e-2, 1e-6, False, False),
        (2e-2, 2e-3, True, False),
        (2e-1, 1e-6, True, False),
        (None, None, True, None),
    ],
)
def test_a_rounding_that_went_the_other_way_is_no_mismatch(difference, typical, rounds, match):
    assert matches(Figure(difference=difference, typical=typical), rounds=rounds) is match
