"""Reports of benchmarks: one table in three forms, and a picture."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from valle_bench.bars import draw_ratios, label, labels
from valle_bench.report import Column, Report, as_mappings
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    size: str
    setting: str
    compiled: str
    match: bool
    ratio: float


ROWS = as_mappings(
    [
        Result(size="small", setting="theirs", compiled="", match=True, ratio=1.0),
        Result(size="small", setting="ours", compiled="numba", match=False, ratio=12.345),
    ]
)
COLUMNS = [Column(key="setting", title="setting"), Column(key="match", title="Match"),
           Column(key="compiled", title="by"), Column(key="ratio", title="ratio", form=".2f")]  # fmt: skip


@pytest.fixture
def report() -> Report:
    return Report(title="Ours beside theirs", facts={"cores": 2}, rows=ROWS, columns=COLUMNS)


def test_a_table_aligns_its_numbers_and_shouts_a_mismatch(report):
    assert report.text().splitlines() == [
        "setting  Match  by     ratio",
        "theirs   yes    -       1.00",
        "ours     NO     numba  12.35",
    ]


def test_a_saved_report_holds_all_columns_and_the_machine(report, tmp_path):
    paths = report.save(tmp_path / "new", "decode")
    stored = json.loads(paths[0].read_text())
    assert stored["facts"] == {"cores": 2}
    assert stored["rows"][1]["ratio"] == 12.345
    assert "| ours | NO | numba | 12.35 |" in paths[1].read_text()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["decode.json", "decode.md"]


def test_a_folder_that_is_a_file_is_refused_with_one_line(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        report.save(tmp_path / "file", "decode")


def test_bars_are_drawn_and_a_mismatch_is_named(tmp_path):
    draw_ratios(tmp_path / "ratios.png", "Ours beside theirs", ROWS)
    assert (tmp_path / "ratios.png").read_bytes()[:4] == b"\x89PNG"
    assert [label(row) for row in ROWS] == ["theirs", "ours [numba] (other result)"]


def test_rows_of_several_batches_have_bars_of_their_own(tmp_path, monkeypatch):
    rows = [{**row, "batch": batch} for batch in (1, 16) for row in ROWS]
    assert labels(rows) == [f"{label(row)}, batch {row['batch']}" for row in rows]
    assert labels(rows[:2]) == [label(row) for row in rows[:2]]
    drawn = []
    monkeypatch.setattr("valle_bench.bars.save_figure", lambda figure, png: drawn.extend(figure.axes))
    draw_ratios(tmp_path / "ratios.png", "Ours beside theirs", rows)
    places = [bar.get_y() for axis in drawn for bar in axis.patches]
    assert len(set(places)) == len(places) == len(rows)
