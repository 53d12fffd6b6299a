"""The optimizer's rate, and its state on the way to a checkpoint and back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_core.plugin import UserError
from valle_core.training.optimizer import learning_rate, load_optimizer_tensors, make_optimizer, optimizer_tensors
from valle_core.training.options import TrainOptions


def trained(seed: int = 0):
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = make_optimizer(model, TrainOptions())
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_the_state_comes_back_by_name():
    model, optimizer = trained()
    other = nn.Linear(3, 2)
    fresh = make_optimizer(other, TrainOptions())
    load_optimizer_tensors(other, fresh, optimizer_tensors(model, optimizer))
    for name, tensor in optimizer_tensors(model, optimizer).items():
        assert torch.equal(optimizer_tensors(other, fresh)[name], tensor), name


def test_all_of_the_state_lies_where_its_parameter_is():
    """The fused AdamW of a GPU refuses step counts that lie on the CPU."""
    state = optimizer_tensors(*trained())
    elsewhere = nn.Linear(3, 2, device="meta")
    optimizer = make_optimizer(elsewhere, TrainOptions())
    load_optimizer_tensors(elsewhere, optimizer, state)
    placed = optimizer_tensors(elsewhere, optimizer)
    assert {name.rpartition("/")[2] for name in placed} == {"step", "exp_avg", "exp_avg_sq"}
    assert {tensor.device.type for tensor in placed.values()} == {"meta"}


def test_the_state_of_other_parameters_is_refused():
    state = {"gone/exp_avg": torch.zeros(1)}
    model, optimizer = trained()
    with pytest.raises(UserError, match="'gone'"):
        load_optimizer_tensors(model, optimizer, state)


def test_the_rate_rises_linearly_then_falls_to_a_tenth():
    options = TrainOptions(steps=110, warmup=10, lr=1.0)
    assert [learning_rate(options, step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert learning_rate(options, 60) == pytest.approx(0.55)
    assert learning_rate(options, 110) == pytest.approx(0.1)
    assert learning_rate(TrainOptions(steps=110, warmup=0, lr=1.0, schedule="constant"), 100) == 1.0


def test_only_matrices_of_layers_decay():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(4, 3)
            self.layer = nn.Linear(3, 2)

    groups = make_optimizer(Model(), TrainOptions(weight_decay=0.5)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert [[tuple(p.shape) for p in group["params"]] for group in groups] == [[(2, 3)], [(4, 3), (2,)]]
