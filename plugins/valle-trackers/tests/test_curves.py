"""Metrics by column, curves of several runs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from valle_trackers.curves import smoothed
from valle_trackers.metrics import column_named, read_run
from valle_trackers.plugin import PLOT, RUNS

from valle_cli.main import run as valle
from valle_core.plugin import UserError
from valle_testing import suite
from valle_testing.suites.command.ran import valle as installed

test_plot_conforms = suite.conformance("command", installed("plot"), spec=PLOT)
test_runs_conforms = suite.conformance("command", installed("runs"), spec=RUNS)


def made(folder: Path, lines: list[dict], tail: str = "") -> Path:
    folder.mkdir(parents=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text + tail)
    return folder


@pytest.fixture
def runs(tmp_path) -> list[Path]:
    """Two runs, the second with a torn last line."""
    lines = [{"step": 10 * n, "loss": 5.0 - n, "accuracy_0": n / 9, "tokens": 100, "tokens_per_second": 50.0,
              "note": "text"} for n in range(1, 5)]  # fmt: skip
    return [made(tmp_path / "a", lines), made(tmp_path / "b", lines[:3], tail='{"step": 40, "lo')]


def test_columns_are_read_and_tokens_and_seconds_add_up(runs):
    run = read_run(runs[0])
    assert run.columns == ["accuracy_0", "hours", "loss", "seconds", "step", "tokens", "tokens_per_second"]
    assert run.series("tokens", "loss") == ([100, 200, 300, 400], [4, 3, 2, 1])
    assert run.column("seconds") == [2, 4, 6, 8]
    assert run.series("step", "level0.accuracy")[1] == [n / 9 for n in range(1, 5)]
    assert len(read_run(runs[1]).lines) == 3


def test_levels_have_names_of_their_own():
    assert column_named("level3.loss") == "loss_3"
    assert column_named("loss") == "loss"


def test_smoothing_keeps_a_constant_and_spreads_a_step():
    assert smoothed([2.0] * 5) == pytest.approx([2.0] * 5)
    step = smoothed([0.0] * 20 + [1.0] * 20)
    assert step == sorted(step)
    assert step[19] + step[20] == pytest.approx(1)
    assert smoothed([]) == []


def test_a_smoothed_line_does_not_lag_behind_its_values():
    line = [5 - 0.01 * step for step in range(201)]
    assert smoothed(line)[100] == pytest.approx(line[100])


def test_a_loss_that_is_not_finite_leaves_the_smoothed_curve_whole():
    assert smoothed([1.0, float("nan"), 1.0, float("inf"), 1.0]) == pytest.approx([1.0] * 5)


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_several_runs_are_drawn_in_one_picture(runs, tmp_path, capsys, ending, begins):
    out = tmp_path / f"curves.{ending}"
    words = ["plot", *map(str, runs), "--x", "tokens", "--y", "loss", "level0.accuracy", "--smooth", "--out", str(out)]
    assert valle(words) == 0, capsys.readouterr().err
    assert out.read_bytes().startswith(begins)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", out.name]
    if ending == "svg":
        text = out.read_text()
        assert all(f"<!-- {word} -->" in text for word in ("loss", "level0.accuracy", "tokens", runs[1]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["A", "--y", "los"], "no column 'los'. Did you mean 'loss'?"),
        (["A", "--x", "epoch"], "no column 'epoch'"),
        (["A", "nonsense"], "'nonsense' is neither a run nor a column"),
        (["nowhere"], "there is no run nowhere"),
        (["EMPTY"], "no metrics to read"),
        (["A", "--out", "curves.gif"], "--out must end in .png, .svg, .pdf, got curves.gif"),
        (["OLD", "--x", "tokens"], "its metrics have no tokens"),
        ([], "missing RUNS"),
    ],
)
def test_mistakes_are_told_in_one_line_and_write_nothing(runs, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    places = {"A": runs[0], "EMPTY": tmp_path / "empty", "OLD": made(tmp_path / "old", [{"step": 1, "loss": 2.0}])}
    before = sorted(tmp_path.iterdir())
    assert valle(["plot", *(str(places.get(word, word)) for word in words)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_metrics_without_a_step_are_refused(tmp_path):
    with pytest.raises(UserError, match="hold no step yet"):
        read_run(made(tmp_path / "r", []))


def test_a_file_that_holds_no_metrics_is_named(tmp_path):
    path = tmp_path / "voice.wav"
    path.write_bytes(b"RIFF\x00WAVE")
    with pytest.raises(UserError, match="is not a file of metrics"):
        read_run(path)
