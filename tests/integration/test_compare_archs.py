"""The study that compares backbones runs from nothing to its table, and goes on where it was interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "studies" / "compare_archs.py"
SMALL = ["--steps", "4", "--seconds", "8", "--d-model", "32", "--layers", "1", "--voices", "2", "--utterances", "4",
         "--held-out-voices", "1", "--held-out-utterances", "3", "--force"]  # fmt: skip


def study(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--out", str(out), *SMALL, *words]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_a_study_measures_each_backbone_once_and_keeps_its_budget(tmp_path):
    first = study(tmp_path, "--arch", "llama")
    assert first.returncode == 0, first.stderr
    second = study(tmp_path, "--arch", "transformer", "--arch", "llama")
    assert second.returncode == 0, second.stderr
    assert "llama: done before" in second.stderr
    report = json.loads((tmp_path / "compare-archs.json").read_text())
    assert [row["name"] for row in report["rows"]] == ["transformer", "llama"]
    for row in report["rows"]:
        assert [point["step"] for point in row["curve"]] == [1, 2, 3, 4]
        assert len(row["accuracies"]) == 8
        assert row["training_tokens_per_s"] > 0
        assert row["decoding_tokens_per_s"] > 0
    assert {"command", "commit", "cores", "corpus"} <= set(report["facts"])
    assert (tmp_path / "compare-archs.png").exists()

    other = study(tmp_path, "--arch", "llama", "--steps", "5")
    assert other.returncode == 1
    assert "holds a study with another steps. Choose another --out" in other.stderr
