"""Every installed attention backbone on every installed kernel that runs on a CPU, wrapped as a model wraps it."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
import torch

from valle_core.registry.loading import load
from valle_kit.mixed_rows import MixedRows
from valle_testing.suites.arch import checks as arch
from valle_testing.suites.arch.batch import batch, close, ready

SIZES = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3, "max_length": 24}


NO_GRADIENTS = ("flex", "flex_attention")
"""Kernels that cannot learn on a CPU, and compile for half a minute for every shape."""


def specs(kind):
    found = {entry.name: load(entry.value) for entry in entry_points(group=f"valle.{kind}")}
    return {n: spec for n, spec in found.items() if "cpu" in spec.devices and n not in ("default", *NO_GRADIENTS)}


KERNELS = specs("attention")
ARCHS = {name: spec for name, spec in specs("arch").items() if "attention" in spec.needs}
DOUBLE = ("eager", "math", "sdpa")
"""Kernels that run in float64 on a CPU. A backbone that rounds its states inside is tested in it: a difference in the
last place of float32 may become a whole step there."""
PAIRS = [(a, k) for a, spec in ARCHS.items() for k in KERNELS if "rounds" not in spec.capabilities or k in DOUBLE]


def builder(backbone, kernel):
    def build():
        attention = load(kernel.factory)(load(kernel.options)())
        wrapped = MixedRows(attention, kernel.capabilities)
        made = load(backbone.factory)(load(backbone.options)(**SIZES), attention=wrapped)
        return made.double() if "rounds" in backbone.capabilities else made

    return build


def test_the_default_distributions_are_installed():
    """Without this the checks below would pass by finding nothing."""
    assert {"eager", "sdpa", "math", "flash"} <= KERNELS.keys()
    assert "transformer" in ARCHS


@pytest.mark.parametrize("check", arch.CHECKS + arch.POSITION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("backbone", "kernel"), PAIRS)
def test_every_backbone_passes_the_suite_on_every_kernel(backbone, kernel, check):
    check(builder(ARCHS[backbone], KERNELS[kernel]))


@pytest.mark.parametrize("check", arch.CACHE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("backbone", ARCHS)
def test_decoding_equals_the_full_forward_in_inference_mode(backbone, check):
    with torch.inference_mode():
        check(builder(ARCHS[backbone], KERNELS["sdpa"]))


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ARCHS)
def test_a_compiled_backbone_gives_the_same_states_for_mixed_rows(backbone):
    plain = ready(builder(ARCHS[backbone], KERNELS["sdpa"]))
    compiled = torch.compile(plain)
    rows = batch(plain, [12, 9, 5], [0, 9, 0])
    mask = rows.mask
    with torch.no_grad():
        fast = compiled(rows.x, mask, rows.positions, condition=rows.condition).h
        slow = plain(rows.x, mask, rows.positions, condition=rows.condition).h
    for b, length in enumerate(rows.lengths.tolist()):
        close(fast[b, :length], slow[b, :length], f"row {b}, compiled")
