"""The suites of both kinds on every member; a fault in a member is found."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from valle_optimizers.schedules import wsd

from valle_core.registry.registry import Registry
from valle_testing import suite
from valle_testing.installed import check_plugin

REGISTRY = Registry.open()
OPTIMIZERS = REGISTRY.names("optimizer")
SCHEDULES = REGISTRY.names("schedule")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_conforms(name):
    if REGISTRY.find("optimizer", name).status != "ok":
        pytest.skip("its library is not installed")
    if name == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("needs PyTorch 2.9")
    report = check_plugin(REGISTRY, "optimizer", name)
    assert report.ok, report.table()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_conforms(name):
    report = check_plugin(REGISTRY, "schedule", name)
    assert report.ok, report.table()


def failed(report) -> set[str]:
    return {outcome.check for outcome in report.outcomes if outcome.verdict == "failed"}


class Forgetful(torch.optim.SGD):
    """Its momentum is nowhere in its state."""

    def __init__(self, groups, lr):
        super().__init__(groups, lr=lr)
        self.hidden = {}

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.hidden[p] = 0.9 * self.hidden.get(p, 0) + p.grad
                    p.data -= group["lr"] * self.hidden[p]
                    self.state[p]["count"] = 1


class Restless(torch.optim.AdamW):
    """Decays whatever it holds, at a rate of its own."""

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.data *= 0.999
        super().step()


def test_faults_of_optimizers_are_found():
    report = suite.run("optimizer", lambda *, groups, rate: Forgetful(groups, lr=0.05))
    assert "goes_on_from_its_state" in failed(report)
    report = suite.run("optimizer", lambda *, groups, rate: Restless(groups, lr=rate))
    assert {"rests_at_a_rate_of_nothing", "leaves_what_has_no_gradient"} <= failed(report)
    report = suite.run("optimizer", lambda *, groups, rate: torch.optim.AdamW(groups[:2], lr=rate))
    assert "takes_every_parameter" in failed(report)
    report = suite.run(
        "optimizer", lambda *, groups, rate: torch.optim.AdamW([dict(g, weight_decay=0.1) for g in groups])
    )
    assert "decays_by_group" in failed(report)


def test_faults_of_schedules_are_found():
    counted = []

    def drifting(step, steps, warmup):
        counted.append(step)
        return 1 / len(counted)

    cases = {
        "repeats_itself": drifting,
        "stays_between_nothing_and_the_peak": lambda step, steps, warmup: 1.5,
        "warms_up": lambda step, steps, warmup: 1.0,
        "reaches_the_peak": lambda step, steps, warmup: 0.5 * wsd.rising(step, warmup),
    }
    for check, schedule in cases.items():
        assert check in failed(suite.run("schedule", lambda schedule=schedule: schedule)), check


def test_specs_import_neither_torch_nor_their_library():
    for name in ("muon", "adafactor", "prodigy", "lion", "adamw_8bit", "schedule_free"):
        module = import_module(f"valle_optimizers.{name}")
        assert not {"torch", "bitsandbytes", "prodigyopt", "lion_pytorch", "schedulefree"} & vars(module).keys()
