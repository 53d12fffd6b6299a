"""What a backbone adds to the loss and tells beside it stands in the run's metrics."""

from __future__ import annotations

import json

import pytest

from valle_core.checkpoint.folder import RunFolder
from valle_core.config.resolve import resolve
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import run_training

MIXTRAL = {
    "arch": "mixtral",
    "arch.d_model": "32",
    "arch.n_layers": "2",
    "arch.n_heads": "2",
    "arch.n_experts": "4",
    "arch.router_aux_loss_coef": "0.5",
    "steps": "3",
    "log_every": "1",
    "device": "cpu",
    "batching.seconds": "64",
}


def test_the_router_loss_and_the_load_of_the_experts_are_in_the_metrics(tone_dataset, tmp_path):
    settings = {**MIXTRAL, "data": str(tone_dataset), "out": str(tmp_path / "run")}
    resolved = resolve(TRAIN_SCHEMA, Registry.open(), flags=list(settings.items()))
    run_training(resolved, Registry.open(), Observers())
    lines = [json.loads(line) for line in RunFolder(tmp_path / "run").metrics.read_text().splitlines()]
    assert len(lines) == 3
    for line in lines:
        loads = [line[f"expert_{i}_load"] for i in range(4)]
        assert sum(loads) == pytest.approx(1.0, abs=1e-5)
        assert 0 <= line["expert_load_min"] <= min(loads) <= max(loads) <= line["expert_load_max"] <= 0.5
        assert line["router_loss"] >= 0.5 * 2 * 0.9  # coefficient times experts per token, when all are used alike
