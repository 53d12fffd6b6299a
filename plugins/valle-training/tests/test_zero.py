"""What is asked of ZeRO that it cannot do; what it learns is tried with two processes (tests/training)."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from valle_training import zero_weights
from valle_training.launched import HOOK
from valle_training.zero import ZeroProcesses, stage_of

from valle_core.api import TrainOptions, UserError
from valle_core.types import BackboneOutput


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zero": 3}, r"Install it with: valle plugins install 'valle-training\[deepspeed\]'"),
        ({"zero": 1, "shard": True}, "--shard and --zero both split a run over its processes; give one of them"),
        ({"zero": 2, "precision": "fp16"}, "--zero cannot scale the loss of --precision fp16; use bf16 or fp32"),
        ({"zero": 1}, r"Install it with: valle plugins install 'valle-training\[deepspeed\]'"),
    ],
)
def test_what_cannot_be_is_refused_before_the_processes_meet(monkeypatch, options, message):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    with pytest.raises(UserError, match=message) as told:
        HOOK.train_processes(TrainOptions(device="cpu", **options))
    assert len(str(told.value).splitlines()) == 1


def test_there_are_four_stages():
    with pytest.raises(UserError, match=r"zero must be in \[0, 3\], got 4"):
        TrainOptions(zero=4)


def test_accelerate_that_launches_deepspeed_asks_for_its_stage():
    launched = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"}
    assert [stage_of(TrainOptions(zero=stage), launched) for stage in (0, 2)] == [1, 2]
    assert stage_of(TrainOptions(), {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"}) == 0
    assert stage_of(TrainOptions(), launched | {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "0"}) == 0


def test_an_optimizer_that_looks_at_whole_weights_is_refused():
    model = nn.Linear(2, 1)
    with pytest.raises(UserError, match="--zero splits AdamW alone"):
        ZeroProcesses.prepare(
            ZeroProcesses.__new__(ZeroProcesses), model, torch.optim.SGD(model.parameters(), lr=1.0), None
        )


def test_outputs_are_tuples_for_deepspeed_and_themselves_for_everybody_else():
    class Backbone(nn.Module):
        def forward(self, x):
            return BackboneOutput(h=x, losses={"balance": x.sum()})

    model, seen = Backbone(), []
    model.register_forward_hook(zero_weights._open)
    model.register_forward_hook(lambda module, given, output: seen.append(output))
    model.register_forward_hook(zero_weights._close)
    out = model(torch.ones(2))
    assert isinstance(seen[0], tuple)
    assert isinstance(out, BackboneOutput)
    assert (out.h.tolist(), list(out.losses), dict(out.kept)) == ([1, 1], ["balance"], {})
    plain = nn.Linear(2, 1)
    assert zero_weights._open(plain, (), torch.ones(1)) is zero_weights._close(plain, (), torch.ones(1)) is None


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_the_parts_of_a_state_are_the_whole_one(monkeypatch, world):
    whole, size = torch.arange(6.0).view(2, 3), -(-6 // world)
    parts = [torch.full((size,), -1.0) for _ in range(world)]
    for rank, part in enumerate(parts):
        utilities = SimpleNamespace(safe_get_local_optimizer_state=lambda weight, key, part=part: part)
        monkeypatch.setitem(sys.modules, "deepspeed.utils", utilities)
        zero_weights.load_state(nn.Parameter(whole), {"exp_avg": whole}, rank)
    joined = torch.cat(parts)
    assert joined[:6].tolist() == whole.flatten().tolist()
    assert not joined[6:].any()
