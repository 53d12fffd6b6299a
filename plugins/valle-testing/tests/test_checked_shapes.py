"""The pytest plugin that checks shapes: what is wrong is refused, and only where it is on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest, torch
from jaxtyping import TypeCheckError
from valle_core.types import SequenceMask

ONE, TWO = torch.tensor([1]), torch.tensor([1, 1])
AT_IMPORT = SequenceMask(lengths=TWO, prefix=ONE, query_start=TWO)

@pytest.mark.parametrize("prefix", [ONE, TWO.float(), [1, 1]], ids=["shape", "dtype", "type"])
def test_refused(prefix):
    with pytest.raises(TypeCheckError, match="parameter 'prefix'"):
        SequenceMask(lengths=TWO, prefix=prefix, query_start=TWO)

def test_right():
    SequenceMask(lengths=TWO, prefix=TWO, query_start=TWO)

@pytest.mark.wrong_shapes
def test_on_purpose():
    SequenceMask(lengths=TWO, prefix=ONE, query_start=TWO)
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_wrong_shape_is_refused_where_it_is_on(tmp_path, workers):
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = wrong_shapes\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "valle_testing.checked_shapes", "test_it.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "5 passed" in ran.stdout, ran.stdout


@pytest.mark.slow
def test_nothing_is_checked_where_it_is_off(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = wrong_shapes\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "test_it.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "3 failed, 2 passed" in ran.stdout, ran.stdout


def test_make_runs_it():
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "-p valle_testing.checked_shapes" in rules
    assert "test-all: check test-shapes" in rules
