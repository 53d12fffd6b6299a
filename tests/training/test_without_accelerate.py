"""The core without its extra `train`: training is refused in one line that names a fix for any machine."""

from __future__ import annotations

import importlib
import sys

import pytest

from valle_core.plugin import UserError

NEED_IT = ("loop", "processes", "restore", "run")


@pytest.fixture
def bare(monkeypatch):
    """No accelerate, and nothing imported that had found it."""
    for module in NEED_IT:
        monkeypatch.delitem(sys.modules, f"valle_core.training.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "accelerate", None)


@pytest.mark.parametrize("name", ["run_training", "TrainResult"])
def test_the_public_names_of_training_say_what_is_missing(bare, name):
    api = importlib.import_module("valle_core.api")
    with pytest.raises(UserError, match=r"^training needs accelerate\. Install it with: pip install accelerate$"):
        getattr(api, name)


def test_a_module_that_accelerate_itself_misses_is_not_called_accelerate(bare, monkeypatch):
    monkeypatch.delitem(sys.modules, "accelerate")
    monkeypatch.setitem(sys.modules, "accelerate.state", None)
    with pytest.raises(ModuleNotFoundError, match=r"accelerate\.state"):
        importlib.import_module("valle_core.training.processes")
