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


DAMAGE = {
    "is incomplete": (lambda state: state.pop("weight/exp_avg"), "tensor 'weight/exp_avg' is missing"),
    "lacks a parameter": (
        lambda state: [state.pop(f"bias/{key}") for key in ("step", "exp_avg", "exp_avg_sq")],
        "tensor 'bias/exp_avg' is missing, as are 2 more",
    ),
    "is empty": (lambda state: state.clear(), "the optimizer's state is empty"),
    "is too small": (
        lambda state: state.update({"weight/exp_avg_sq": torch.zeros(1)}),
        r"'weight/exp_avg_sq' must be \[2, 3\], got \[1\]",
    ),
    "is too large": (
        lambda state: state.update({"bias/exp_avg": torch.zeros(200)}),
        r"'bias/exp_avg' must be \[2\], got \[200\]",
    ),
    "is of another type": (
        lambda state: state.update({"bias/exp_avg": torch.zeros(2, dtype=torch.float64)}),
        "must be float32, got float64",
    ),
    "counts steps in a row": (
        lambda state: state.update({"bias/step": torch.ones(7)}),
        r"'bias/step' must be \[\], got \[7\]",
    ),
    "counts no steps": (lambda state: state.update({"bias/step": torch.tensor(float("nan"))}), "counts nan steps"),
    "knows another key": (lambda state: state.update({"bias/x": torch.zeros(2)}), "'bias/x' is unknown here"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_state_that_does_not_fit_is_refused_before_any_of_it_is_loaded(damage):
    """The fused AdamW would write past the end of it and crash the interpreter."""
    change, message = DAMAGE[damage]
    state = optimizer_tensors(*trained())
    change(state)
    other = nn.Linear(3, 2)
    fresh = make_optimizer(other, TrainOptions())
    with pytest.raises(UserError, match=message):
        load_optimizer_tensors(other, fresh, state)
    assert not fresh.state


def test_a_parameter_without_a_gradient_so_far_goes_on_as_it_would_have():
    def partly(steps: int, model=None, optimizer=None):
        torch.manual_seed(0)
        model = model or nn.ModuleDict({"used": nn.Linear(3, 2), "late": nn.Linear(3, 2)})
        optimizer = optimizer or make_optimizer(model, TrainOptions())
        for step in range(steps):
            optimizer.zero_grad()
            loss = model["used"](torch.ones(4, 3)).sum() + (model["late"](torch.ones(4, 3)).sum() if step else 0.0)
            loss.backward()
            optimizer.step()
        return model, optimizer

    model, optimizer = partly(1)
    state = optimizer_tensors(model, optimizer)
    assert len(state) == 3 * 4
    other = make_optimizer(model, TrainOptions())
    load_optimizer_tensors(model, other, state)
    assert {name: tensor.tolist() for name, tensor in optimizer_tensors(model, other).items()} == {
        name: tensor.tolist() for name, tensor in state.items()
    }


def test_the_oldest_checkpoints_left_out_what_had_no_gradient():
    state = {name: tensor for name, tensor in optimizer_tensors(*trained()).items() if name.startswith("weight")}
    other = nn.Linear(3, 2)
    fresh = make_optimizer(other, TrainOptions())
    load_optimizer_tensors(other, fresh, state, whole=False)
    assert list(fresh.state) == [other.weight]


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
