"""Optimizers that leave a step out without asking the device whether."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from valle_optimizers.told import told

from valle_core.assemble.part import build
from valle_core.registry.registry import Registry

REGISTRY = Registry.open()
TOLD = ["adamw-8bit", "lion", "muon", "schedule-free"]


class Reads(TorchDispatchMode):
    """What makes the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if (name := func.overloadpacket.__name__) in ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero"):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def made(name: str) -> tuple[nn.Module, Any]:
    """A small model and its optimizer, which has taken a step; reading is to cost something on the CPU too."""
    entry = REGISTRY.find("optimizer", name)
    if entry.status != "ok" or (name == "muon" and not hasattr(torch.optim, "Muon")):
        pytest.skip("its library is not installed")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3))
    groups = [
        {"params": [model[0].weight], "role": "hidden", "weight_decay": 0.1},
        {"params": [model[1].weight], "role": "matrix", "weight_decay": 0.1},
        {"params": [model[0].bias, model[1].bias], "role": "other", "weight_decay": 0.0},
    ]
    plugin = REGISTRY.select("optimizer", name)
    options = {"smallest": 1} if name == "adamw-8bit" else {}  # its state has 8 bits here too
    optimizer = build(plugin, plugin.options_type()(**options), groups=groups, rate=0.01)
    getattr(optimizer, "train", lambda: None)()
    stepped(model, optimizer, bad=False)
    optimizer.free = frozenset()
    return model, optimizer


def stepped(model: nn.Module, optimizer: Any, *, bad: bool) -> list[str]:
    """One step as training takes it; gives what was read."""
    optimizer.zero_grad()
    loss = model(torch.linspace(-1, 1, 8).view(2, 4)).square().sum()
    (loss * (float("nan") if bad else 1.0)).backward()
    reads = Reads()
    optimizer.grad_scale, optimizer.found_inf = None, torch.tensor(float(bad))
    with reads:
        optimizer.step()
    del optimizer.grad_scale, optimizer.found_inf
    return reads.found


def tensors(model: nn.Module, optimizer: Any) -> list[torch.Tensor]:
    state = [one for each in optimizer.state.values() for one in each.values() if isinstance(one, torch.Tensor)]
    return [one.clone() for one in (*model.parameters(), *state)]


@pytest.mark.parametrize("name", TOLD)
def test_a_step_is_taken_or_left_out_without_a_read(name):
    model, optimizer = made(name)
    before = tensors(model, optimizer)
    assert stepped(model, optimizer, bad=True) == []
    assert all(torch.equal(*pair) for pair in zip(tensors(model, optimizer), before, strict=True))
    assert stepped(model, optimizer, bad=False) == []
    assert not all(torch.equal(*pair) for pair in zip(tensors(model, optimizer), before, strict=True))


def test_the_state_that_is_taken_back_is_the_one_of_8_bits():
    model, optimizer = made("adamw-8bit")
    assert any(one.dtype == torch.uint8 for one in tensors(model, optimizer))


@pytest.mark.parametrize("name", TOLD)
def test_a_good_step_is_the_step_of_the_library(name):
    (model, optimizer), (twin, other) = made(name), made(name)
    stepped(model, optimizer, bad=False)
    other.zero_grad()
    twin(torch.linspace(-1, 1, 8).view(2, 4)).square().sum().backward()
    other.step()
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), twin.parameters(), strict=True))


def test_a_first_step_that_is_bad_is_left_out_whole():
    weight = nn.Parameter(torch.ones(2))
    optimizer = told(torch.optim.SGD([weight], lr=0.1, momentum=0.9))
    optimizer.free = frozenset()
    weight.grad = torch.full((2,), float("nan"))
    optimizer.found_inf = torch.tensor(1.0)
    optimizer.step()
    assert weight.tolist() == [1, 1]
    assert not optimizer.state
