"""Conformance suite of optimizers.

test_it_conforms = suite.conformance("optimizer", lambda **given: build(MyOptions(), **given), spec=SPEC)

Each is given the parameters of a small network, in the groups that a run gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from valle_core.training.optimizer import load_optimizer_tensors, optimizer_tensors, parameter_groups
from valle_testing.contract import contract
from valle_testing.watch import seeded

Build = Callable[..., Any]
"""`(*, groups, rate)` → a fresh optimizer."""

RATE = 3e-3


class Network(nn.Module):
    """A table, two matrices in a backbone, a head of three dimensions, biases, and one parameter that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(16, 64)
        self.backbone = nn.Sequential(nn.Linear(64, 96), nn.Tanh(), nn.Linear(96, 64))
        self.heads = nn.Parameter(torch.randn(2, 16, 64) * 0.1)
        self.unused = nn.Parameter(torch.ones(3, 3))

    def loss(self, step: int) -> torch.Tensor:
        """Of a batch that is a function of the step."""
        tokens = torch.randint(0, 16, (32,), generator=torch.Generator().manual_seed(step % 4))
        logits = self.backbone(self.embedding(tokens)) @ self.heads[step % 2].T
        return nn.functional.cross_entropy(logits, (tokens * 5 + 3) % 16)


def made(build: Build, device: str, weight_decay: float = 0.01) -> tuple[Network, Any]:
    """The network and its optimizer, in training mode."""
    with seeded(0):
        network = Network().to(device)
    optimizer = build(groups=parameter_groups(network, weight_decay), rate=RATE)
    getattr(optimizer, "train", lambda: None)()
    return network, optimizer


def walk(network: Network, optimizer: Any, steps: range, rate: float | None = None) -> list[float]:
    """Steps at a rate (the optimizer's own unless given), as a run takes them; the losses before each."""
    losses = []
    for step in steps:
        for group in optimizer.param_groups:
            group["lr"] = optimizer.defaults["lr"] if rate is None else rate
        loss = network.loss(step)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
    return losses


def _weights(network: Network) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


@contract("Optimizer", "equal states take equal steps")
def repeats_itself(build: Build, *, device: str = "cpu") -> None:
    """Two of them, on equal networks, give equal losses and weights."""
    (one, first), (other, second) = (made(build, device) for _ in range(2))
    assert walk(one, first, range(4)) == walk(other, second, range(4)), "two that are alike go different ways"
    for name, value in _weights(one).items():
        assert torch.equal(value, _weights(other)[name]), f"'{name}' differs between two that are alike"


@contract("Optimizer", 'the peak that this optimizer wants is what it has in `defaults["lr"]`')
def names_its_rate(build: Build, *, device: str = "cpu") -> None:
    """A positive number that does not depend on what was trained before."""
    _, optimizer = made(build, device)
    rate = optimizer.defaults.get("lr")
    assert isinstance(rate, float), f'defaults["lr"] is {rate!r}, not a number'
    assert 0 < rate < 100, f'defaults["lr"] is {rate}'


@contract("Optimizer", "`groups` are parameter groups as torch has them.")
def takes_every_parameter(build: Build, *, device: str = "cpu") -> None:
    """Each parameter of the groups stands in `param_groups` once; groups without one of the roles are taken too."""
    network, optimizer = made(build, device)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(map(id, network.parameters())), "it does not hold the parameters it was given"
    alone = nn.ModuleDict({"embedding": nn.Embedding(4, 4, _weight=torch.ones(4, 4, device=device))})
    table = build(groups=parameter_groups(alone, 0.1), rate=RATE)
    assert sum(len(group["params"]) for group in table.param_groups) == 1, "it does not take the role 'other' alone"


@contract("Optimizer", "How weights follow their gradients")
def goes_down(build: Build, *, device: str = "cpu") -> None:
    """At its own rate the loss falls, and every parameter that has a gradient moves."""
    network, optimizer = made(build, device, weight_decay=0.0)
    before = _weights(network)
    losses = walk(network, optimizer, range(40))
    first, last = sum(losses[:4]), sum(losses[-4:])
    assert last < first, f"in 40 steps the loss went from {first / 4:.3f} to {last / 4:.3f}"
    still = [name for name, value in _weights(network).items() if torch.equal(value, before[name]) and name != "unused"]
    assert not still, f"'{still[0]}' has gradients and does not move"


@contract("Optimizer", "a rate of 0 moves nothing.")
def rests_at_a_rate_of_nothing(build: Build, *, device: str = "cpu") -> None:
    """With decay too, from the first step on and after some."""
    network, optimizer = made(build, device, weight_decay=0.1)
    for steps in (range(3), range(3, 6)):
        before = _weights(network)
        walk(network, optimizer, steps, rate=0.0)
        moved = [name for name, value in _weights(network).items() if not torch.equal(value, before[name])]
        assert not moved, f"'{moved[0]}' moves at a rate of 0"
        walk(network, optimizer, steps)


@contract("Optimizer", "A parameter without a gradient stays what it is.")
def leaves_what_has_no_gradient(build: Build, *, device: str = "cpu") -> None:
    """One that was never used, with decay."""
    network, optimizer = made(build, device, weight_decay=0.1)
    walk(network, optimizer, range(4))
    assert torch.equal(network.unused, torch.ones_like(network.unused)), "a parameter that had no gradient moves"


@contract("Optimizer", "put back, they go on as if nothing had happened")
def goes_on_from_its_state(build: Build, *, device: str = "cpu") -> None:
    """Six steps are three and three more by another object that was given the state of the first."""
    whole, optimizer = made(build, device)
    wanted = walk(whole, optimizer, range(6))
    network, first = made(build, device)
    found = walk(network, first, range(3))
    state = {name: value.clone() for name, value in optimizer_tensors(network, first).items()}
    weights = _weights(network)
    resumed, second = made(build, device)
    load_optimizer_tensors(resumed, second, state)
    with torch.no_grad():
        for name, value in resumed.named_parameters():
            value.copy_(weights[name])
    found += walk(resumed, second, range(3, 6))
    assert found == wanted, f"resumed, the losses are {found[3:]}, else {wanted[3:]}"
    for name, value in _weights(whole).items():
        assert torch.equal(value, _weights(resumed)[name]), f"resumed, '{name}' differs"


@contract("Optimizer", "Each says its `weight_decay`")
def decays_by_group(build: Build, *, device: str = "cpu") -> None:
    """After one step more decay has made matrices of layers smaller, and left tables and biases as they are without."""
    ends = []
    for decay in (0.0, 3.0):
        network, optimizer = made(build, device, weight_decay=decay)
        walk(network, optimizer, range(1))
        ends.append(_weights(network))
    without, with_decay = ends
    for name in ("backbone.0.weight", "heads"):
        smaller = with_decay[name].double().norm() < without[name].double().norm()
        assert smaller, f"weight decay does not reach '{name}'"
    for name in ("embedding.weight", "backbone.0.bias"):
        assert torch.equal(with_decay[name], without[name]), f"'{name}' decays, though its group has none"


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    names_its_rate,
    takes_every_parameter,
    goes_down,
    rests_at_a_rate_of_nothing,
    leaves_what_has_no_gradient,
    goes_on_from_its_state,
    decays_by_group,
)
"""Each takes `(build, *, device="cpu")`; raises `AssertionError`."""
