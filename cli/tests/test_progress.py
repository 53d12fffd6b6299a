"""Progress where there is no terminal: lines in a log instead of a bar that nobody sees."""

from __future__ import annotations

import pytest

from valle_cli import progress
from valle_cli.progress import StepBar


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test sets."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    return now


def lines_of(clock, capsys, *, shown: bool) -> list[str]:
    bar = StepBar(0, shown=shown, unit="case")
    for seconds, done in ((1, 0), (31, 1), (40, 2), (75, 3)):
        clock[0] = 100 + seconds
        bar.move(done, 4, f"part [{done}]")
    clock[0] += 30
    bar.show({"step": 4}, "loss 1.2")
    return capsys.readouterr().err.splitlines()


def test_off_a_terminal_a_line_now_and_then_says_where_it_is(clock, capsys):
    assert lines_of(clock, capsys, shown=True) == [
        "case 1/4 after 31 s part [1]",
        "case 3/4 after 75 s part [3]",
        "case 4/4 after 105 s loss 1.2",
    ]


def test_quiet_and_a_terminal_get_no_lines(clock, capsys, monkeypatch):
    assert lines_of(clock, capsys, shown=False) == []
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    assert lines_of(clock, capsys, shown=True) == []
