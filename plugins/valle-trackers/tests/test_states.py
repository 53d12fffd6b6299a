"""Runs and their states."""

from __future__ import annotations

import json

import pytest
from filelock import SoftFileLock
from valle_trackers.states import LOCK, find_runs

from valle_cli.main import run as valle


@pytest.fixture
def made(tmp_path):
    def make(name: str, *, step: int, steps: int = 20, config: str = ""):
        run = tmp_path / name
        (run / "checkpoints").mkdir(parents=True)
        if step:
            (run / "checkpoints" / f"step-{step:08d}").mkdir()
        (run / "config.yaml").write_text(config or f"steps: {steps}\narch: {{name: llama}}\n")
        (run / "metrics.jsonl").write_text(json.dumps({"step": step, "loss": 1.5}) + "\n")
        return run

    return make


def test_each_state_is_told(made, tmp_path):
    made("done", step=20)
    made("stopped", step=10)
    made("deep/er/empty", step=0)
    made("damaged", step=10, config="steps: [")
    busy = made("busy", step=10)
    with SoftFileLock(busy / LOCK):
        found = {one.path.rpartition("/")[2]: one for one in find_runs(tmp_path)}
    states = {name: one.state for name, one in found.items()}
    assert states == {
        "busy": "training", "damaged": "damaged", "empty": "empty", "done": "finished", "stopped": "interrupted",
    }  # fmt: skip
    assert (found["stopped"].step, found["stopped"].steps, found["stopped"].arch, found["stopped"].loss) == (
        10, 20, "llama", 1.5,
    )  # fmt: skip


def test_a_lock_of_a_process_that_is_gone_does_not_count(made, tmp_path):
    run = made("stale", step=10)
    (run / LOCK).write_text("999999999\nhost\n")
    assert [one.state for one in find_runs(tmp_path)] == ["interrupted"]


def test_the_list_as_text_and_as_json(made, tmp_path, capsys):
    made("one", step=20)
    assert valle(["runs", str(tmp_path)]) == 0
    assert "finished" in capsys.readouterr().out
    assert valle(["runs", str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["state"], row["loss"]) == ("finished", 1.5)


def test_a_folder_that_is_not_there_and_one_without_runs(tmp_path, capsys):
    assert valle(["runs", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert valle(["runs", str(tmp_path)]) == 0
    assert "no runs below" in capsys.readouterr().out
