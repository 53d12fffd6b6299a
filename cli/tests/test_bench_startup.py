"""`valle bench startup` measures, and refuses when others keep the machine busy."""

from __future__ import annotations

import json

import pytest

from valle_bench import machine
from valle_bench.commands import startup


def test_times_of_every_command_stand_beside_a_bare_interpreter(valle, monkeypatch):
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.0)
    code, out, _ = valle("bench", "startup", "--runs", "1", "--json")
    report = json.loads(out)
    assert code == 0
    assert [row["command"] for row in report["rows"]][:2] == ["python -c pass", "valle --help"]
    assert report["rows"][0]["ratio_to_bare"] == 1.0
    assert all(row["best_ms"] > 0 for row in report["rows"])
    assert report["machine"]["forced"] is False
    beside = [row["command"] for row in report["rows"] if "broken plugins" in row["command"]]
    assert beside == ["valle --help (24 broken plugins)", "valle list-plugins (24 broken plugins)"]


def test_a_busy_machine_is_refused_without_force(valle, monkeypatch):
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.8)
    code, out, err = valle("bench", "startup", "--runs", "1")
    assert (code, out) == (2, "")
    assert err.startswith("error: other processes keep 0.80 of a core busy (limit 0.3)")
    code, out, _ = valle("bench", "startup", "--runs", "1", "--force", "--json")
    assert code == 0
    assert json.loads(out)["machine"]["forced"] is True


def test_a_command_that_fails_is_not_reported_as_fast(monkeypatch):
    with pytest.raises(ValueError, match="`false` failed"):
        startup.measure({"false": ["false"]}, 1)


def test_cores_in_use_is_a_share_of_the_machine():
    assert 0.0 <= machine.cores_in_use(0.05) <= (__import__("os").cpu_count() or 1) + 0.5
