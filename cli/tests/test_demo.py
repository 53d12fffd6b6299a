"""The demo runs from nothing to a verdict; a model that learnt nothing is shown as a failure."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from valle_cli.demo.report import shown
from valle_cli.main import run


def test_a_demo_without_time_to_learn_ends_in_a_failure_that_says_so(tmp_path, capsys):
    out = tmp_path / "demo"
    assert run(["demo", "--out", str(out), "--steps", "2"]) == 1
    shown_text = capsys.readouterr().out
    assert "NOT RECOGNISED" in shown_text
    assert "The demo FAILED" in shown_text
    assert "time for training was over" not in shown_text
    report = json.loads((out / "report.json").read_text())
    assert "after 278 of 900 steps" in "\n".join(shown(report | {"steps": 278, "steps_wanted": 900}))
    by_name = {trial["what"]: trial for trial in report["trials"]}
    assert not by_name["the model"]["passed"]
    assert by_name["recordings through the codec"]["passed"]
    assert by_name["untrained model"]["recognised"] <= 1
    assert by_name["shuffled text"]["recognised"] <= 1
    for path in report["files"].values():
        assert path in shown_text
    assert "held-out" in report["prompt"], "the prompt is a recording training never saw"


@pytest.mark.slow
def test_the_demo_ends_with_a_recognised_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "valle_cli", "demo", "--out", str(tmp_path / "demo"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["recognised"]
    assert all(trial["passed"] for trial in report["trials"])
    alike = report["voice_similarity"]
    assert alike["to_the_prompt"] > alike["to_the_other_voice"]
