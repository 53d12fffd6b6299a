"""How `valle plugins check` builds the codec it checks."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from valle_core.testing import installed


@dataclass(frozen=True)
class Fetched:
    weights: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Shipped:
    weights: str = ""


@pytest.mark.parametrize(("options", "weights"), [(Fetched, "random"), (Shipped, "")])
def test_weights_that_would_be_fetched_are_random_and_shipped_ones_are_used(monkeypatch, options, weights):
    monkeypatch.setattr(installed, "build", lambda selected, built, *, device: built)
    made = installed._codec(SimpleNamespace(options_type=lambda: options), "cpu")  # pyright: ignore
    assert made().weights == weights
