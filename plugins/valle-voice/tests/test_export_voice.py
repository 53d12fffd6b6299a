"""A box of several runs holds the mean of their weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from valle_core.plugin import UserError

PATH = Path(__file__).parents[1] / "tools" / "export_voice.py"


@pytest.fixture
def averaged(monkeypatch):
    """The mean of checkpoints, which are given as tensors by name."""
    spec = importlib.util.spec_from_file_location("export_voice", PATH)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(tool, "read_tensors", lambda checkpoint, name: checkpoint.tensors)
    return lambda *several: tool.mean([SimpleNamespace(tensors=one) for one in several])


def test_weights_are_averaged_and_whole_numbers_are_those_of_the_last(averaged):
    one = {"w": torch.tensor([1.0, 4.0]), "half": torch.ones(1, dtype=torch.bfloat16), "n": torch.tensor([3])}
    two = {"w": torch.tensor([2.0, 6.0]), "half": torch.zeros(1, dtype=torch.bfloat16), "n": torch.tensor([8])}
    found = averaged(one, two)
    assert found["w"].tolist() == [1.5, 5.0]
    assert (found["half"].item(), found["half"].dtype) == (0.5, torch.bfloat16)
    assert found["n"].tolist() == [8]
    assert all(torch.equal(value, one[name]) for name, value in averaged(one).items())


@pytest.mark.parametrize("other", [{"w": torch.zeros(3)}, {"v": torch.zeros(2)}, {}])
def test_runs_of_other_models_are_refused(averaged, other):
    with pytest.raises(UserError, match=r"has other tensors than .*; give runs of one model"):
        averaged(other, {"w": torch.zeros(2)})
