"""What a backbone adds to the loss and tells beside it stands in the run's metrics."""

from __future__ import annotations

import pytest

from valle_testing.runs import lines, train

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
    train(MIXTRAL, tone_dataset, tmp_path / "run")
    assert len(lines(tmp_path / "run")) == 3
    for line in lines(tmp_path / "run"):
        loads = [line[f"expert_{i}_load"] for i in range(4)]
        assert sum(loads) == pytest.approx(1.0, abs=1e-5)
        assert 0 <= line["expert_load_min"] <= min(loads) <= max(loads) <= line["expert_load_max"] <= 0.5
        assert line["router_loss"] >= 0.5 * 2 * 0.9  # coefficient times experts per token, when all are used alike
