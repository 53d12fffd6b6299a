"""The groups of parameters, the usual rate, and an optimizer's state on the way to a checkpoint and back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_core.plugin import UserError
from valle_core.training.optimizer import (
    NO_GRADIENT,
    adamw,
    cosine,
    load_optimizer_tensors,
    optimizer_tensors,
    parameter_groups,
)


def make_optimizer(model, **groups):
    return adamw(groups=parameter_groups(model, groups.get("weight_decay", 0.01)), rate=1e-3, betas=(0.9, 0.95))


def trained(seed: int = 0):
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = make_optimizer(model)
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_the_state_comes_back_by_name():
    model, optimizer = trained()
    other = nn.Linear(3, 2)
    fresh = make_optimizer(other)
    load_optimizer_tensors(other, fresh, optimizer_tensors(model, optimizer))
    for name, tensor in optimizer_tensors(model, optimizer).items():
        assert torch.equal(optimizer_tensors(other, fresh)[name], tensor), name


def test_all_of_the_state_lies_where_it_would_have_been_laid_out():
    """The fused AdamW of a GPU refuses step counts that lie on the CPU; what is loaded is copied into its own state."""
    state = {name: tensor.clone() for name, tensor in optimizer_tensors(*trained()).items()}
    other = nn.Linear(3, 2)
    optimizer = make_optimizer(other)
    load_optimizer_tensors(other, optimizer, state)
    placed = optimizer_tensors(other, optimizer)
    assert {name.rpartition("/")[2] for name in placed} == {"step", "exp_avg", "exp_avg_sq"}
    assert not {tensor.data_ptr() for tensor in placed.values()} & {tensor.data_ptr() for tensor in state.values()}


def test_loading_changes_no_weight_and_leaves_no_gradient():
    state = optimizer_tensors(*trained())
    other = nn.Linear(3, 2)
    before = [p.detach().clone() for p in other.parameters()]
    load_optimizer_tensors(other, make_optimizer(other), state)
    assert all(torch.equal(p, was) and p.grad is None for p, was in zip(other.parameters(), before, strict=True))


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
    fresh = make_optimizer(other)
    with pytest.raises(UserError, match=message):
        load_optimizer_tensors(other, fresh, state)
    assert not fresh.state


def test_a_parameter_without_a_gradient_so_far_goes_on_as_it_would_have():
    def partly(steps: int, model=None, optimizer=None):
        torch.manual_seed(0)
        model = model or nn.ModuleDict({"used": nn.Linear(3, 2), "late": nn.Linear(3, 2)})
        optimizer = optimizer or make_optimizer(model)
        for step in range(steps):
            optimizer.zero_grad()
            loss = model["used"](torch.ones(4, 3)).sum() + (model["late"](torch.ones(4, 3)).sum() if step else 0.0)
            loss.backward()
            optimizer.step()
        return model, optimizer

    model, optimizer = partly(1)
    state = optimizer_tensors(model, optimizer)
    assert len(state) == 3 * 2 + 2
    assert {name for name in state if name.startswith("late")} == {
        f"late.{n}/{NO_GRADIENT}" for n in ("weight", "bias")
    }
    other = make_optimizer(model)
    load_optimizer_tensors(model, other, state)
    assert {name: tensor.tolist() for name, tensor in optimizer_tensors(model, other).items()} == {
        name: tensor.tolist() for name, tensor in state.items()
    }


def test_the_oldest_checkpoints_left_out_what_had_no_gradient():
    state = {name: tensor for name, tensor in optimizer_tensors(*trained()).items() if name.startswith("weight")}
    other = nn.Linear(3, 2)
    fresh = make_optimizer(other)
    load_optimizer_tensors(other, fresh, state, whole=False)
    assert list(fresh.state) == [other.weight]


def test_the_rate_rises_linearly_then_falls_to_a_tenth():
    assert [cosine(step, 110, 10, 0.0) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert cosine(60, 110, 10, 0.0) == pytest.approx(0.55)
    assert cosine(110, 110, 10, 0.0) == pytest.approx(0.1)
    assert cosine(59, 110, 0, 0.6) == 1.0


def test_only_matrices_of_layers_decay_and_not_those_that_refuse():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(4, 3)
            self.backbone = nn.Linear(3, 2)
            self.heads = nn.Conv1d(3, 5, 1)
            self.A_log = nn.Parameter(torch.zeros(7, 7))
            self.A_log._no_weight_decay = True

    groups = parameter_groups(Model(), 0.5)
    assert [(group["role"], group["weight_decay"]) for group in groups] == [
        ("hidden", 0.5),
        ("matrix", 0.5),
        ("other", 0),
    ]
    shapes = [[tuple(p.shape) for p in group["params"]] for group in groups]
    assert shapes == [[(2, 3)], [(5, 3, 1)], [(7, 7), (4, 3), (2,), (5,)]]
