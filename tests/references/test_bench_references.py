"""Every library that `valle bench arch` measures beside a backbone: states, steps and gradients on equal weights."""

from __future__ import annotations

import dataclasses
import inspect
import sys

import pytest
import torch

from valle_core.api import Registry, build
from valle_core.types import SequenceMask
from valle_testing.fakes.rule_kernel import RuleKernel

SMALL = {"d_model": 64, "n_layers": 3, "n_heads": 4, "head_dim": 32, "d_state": 16}
REGISTRY = Registry.open()
CASES = [
    entry.spec
    for entry in REGISTRY.entries("reference")
    if entry.spec and entry.spec.bench == "arch" and not entry.spec.title.startswith("valle")  # a form of our own
]


@pytest.fixture(autouse=True)
def without_kernels(monkeypatch):
    """transformers takes the kernels of mamba-ssm where it finds the package; here it is a reference without them."""
    monkeypatch.setitem(sys.modules, "mamba_ssm", None)
    model = sys.modules.get("transformers.models.mamba2.modeling_mamba2")  # another test may have imported it with them
    for name, one in list(vars(model).items()) if model else ():
        if inspect.isfunction(one) and "mamba" in name:
            monkeypatch.setattr(model, name, inspect.unwrap(one))


def within(arch, tolerance=1e-4):
    """Where states are rounded inside, a difference in the last place may become a whole step of 8 bits."""
    return 1e-2 if "rounds" in REGISTRY.select("arch", arch).spec.capabilities else tolerance


def row(case, what):
    """Distribution and text of a line of the table."""
    distribution, _, model = case.title.partition(" ")
    return distribution, f"{model} beside {case.part}, {what}"


def small(arch):
    torch.manual_seed(0)
    selected = REGISTRY.select("arch", arch)
    names = {field.name for field in dataclasses.fields(selected.options_type())}
    options = selected.options_type()(**{name: value for name, value in SMALL.items() if name in names})
    kernel = RuleKernel() if "attention" in selected.spec.needs else None
    return build(selected, options, attention=kernel).eval()


def states(backbone, x):
    B, T, _ = x.shape
    mask = SequenceMask.causal(torch.full((B,), T))
    return backbone.finish(backbone(x, mask, torch.arange(T).expand(B, T)).h)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
@pytest.mark.parametrize("T", [1, 33, 257])
@torch.no_grad()
def test_its_states_are_ours(case, T, parity):
    backbone = small(case.part)
    x = torch.randn(2, T, backbone.d_model)
    theirs = case.load(backbone).forward(x)
    parity(*row(case, f"states, T = {T}"), states(backbone, x), theirs, within=within(case.part))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
@torch.no_grad()
def test_its_steps_are_ours(case, parity):
    backbone = small(case.part)
    x = torch.randn(2, 43, backbone.d_model)
    decoder = case.load(backbone).decoder(2, 43)
    if decoder is None:
        pytest.skip("it has no decoder")
    found = [decoder.feed(x[:, :30]), *(decoder.feed(x[:, t : t + 1]) for t in range(30, 43))]
    ours, theirs = states(backbone, x)[:, 30:], torch.cat(found[1:], dim=1)
    parity(*row(case, "13 steps after 30"), ours, theirs, within=within(case.part))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_gradient_of_its_input_is_ours(case, parity):
    backbone = small(case.part)
    reference = case.load(backbone)
    x, weight = torch.randn(2, 35, backbone.d_model), torch.randn(2, 35, backbone.d_model)
    grads = []
    for run in (lambda x: states(backbone, x), reference.forward):
        given = x.clone().requires_grad_()
        (run(given) * weight).sum().backward()
        grads.append(given.grad)
    parity(*row(case, "gradient of the input, T = 35"), *grads, within=within(case.part))
