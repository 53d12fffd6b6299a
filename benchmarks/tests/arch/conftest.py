"""A backbone with references: one that gives its states, one that does not, one that fails, one that cannot decode."""

from __future__ import annotations

import pytest
import torch

from valle_bench.arch.cells import Bench
from valle_bench.arch.own_model import OwnModel
from valle_bench.arch.settings import OWN, Settings
from valle_bench.runner.limits import Forecast
from valle_testing.fakes.backbone import FakeBackbone


class Scaled(OwnModel):
    """The same states, times a factor."""

    def __init__(self, backbone, factor: float) -> None:
        super().__init__(backbone)
        self.factor = factor

    def forward(self, x):
        return self.factor * super().forward(x)


class Broken(OwnModel):
    def forward(self, x):
        raise RuntimeError("no kernel for this")

    def decoder(self, batch, max_length):
        return None


@pytest.fixture
def settings():
    return Settings(
        d_model=16, n_layers=2, lengths=(5, 9), train_length=7, positions=(11, 30), repeats=2, steps=8, memory_length=9
    )


@pytest.fixture
def bench(settings):
    torch.manual_seed(0)
    backbone = FakeBackbone().eval()
    implementations = {OWN: OwnModel(backbone), "same": Scaled(backbone, 1.0), "other": Scaled(backbone, 1.1),
             "broken": Broken(backbone)}  # fmt: skip
    return Bench(implementations, 16, settings, Forecast(settings.cell_seconds))
