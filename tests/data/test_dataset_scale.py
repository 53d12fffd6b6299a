"""The benchmark of large datasets runs and reports every row."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "studies" / "dataset_scale.py"


@pytest.mark.slow
def test_the_benchmark_measures_opening_planning_and_reading(tmp_path):
    sizes = ["--utterances", "3000", "--records", "20", "--force", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, str(SCRIPT), *sizes], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "dataset-scale.json").read_text())["rows"]
    assert len(rows) == 11
    assert all(row["seconds"] > 0 and row["utterances"] > 0 for row in rows)
    assert [row["rate"] > 0 for row in rows if row["what"].startswith("read")] == [True] * 6
    assert "| open |" in (tmp_path / "dataset-scale.md").read_text()
