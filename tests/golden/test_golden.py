"""A checkpoint that was committed keeps loading and keeps saying the same."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import torch

HERE = Path(__file__).parent


def test_the_committed_checkpoint_loads_and_gives_the_committed_logits():
    spec = importlib.util.spec_from_file_location("make_run", HERE / "make_run.py")
    assert spec is not None
    assert spec.loader is not None
    make_run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_run)
    expected = json.loads((HERE / "logits.json").read_text())
    found = make_run.logits(HERE / "run")
    assert found.keys() == expected.keys()
    for level, values in expected.items():
        torch.testing.assert_close(torch.tensor(found[level]), torch.tensor(values), atol=1e-5, rtol=1e-5)
