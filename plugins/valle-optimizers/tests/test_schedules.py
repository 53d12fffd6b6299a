"""Schedules beside their formulas and beside those of torch and transformers."""

from __future__ import annotations

import math

import pytest
import torch
from valle_optimizers.schedules import constant, linear, noam, one_cycle, wsd

from valle_core.plugin import UserError

STEPS = 100


def of_torch(make):
    """Rates of a scheduler of torch at a peak of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def rates(share, warmup=0):
    return [share(step, STEPS, warmup) for step in range(STEPS)]


def test_one_cycle_is_that_of_torch():
    wanted = of_torch(lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=STEPS))
    assert rates(one_cycle.build(one_cycle.OneCycleOptions())) == pytest.approx(wanted, rel=1e-6)


def test_noam_is_equation_3_as_a_share_of_its_peak():
    def equation(n, d_model=512, warmup=10):
        return d_model**-0.5 * min(n**-0.5, n * warmup**-1.5)

    found = rates(noam.build(noam.NoamOptions()), warmup=10)
    assert found == pytest.approx([equation(n) / equation(10) for n in range(1, STEPS + 1)])


def test_wsd_falls_by_one_minus_the_root_in_its_last_fifth():
    found = rates(wsd.build(wsd.WsdOptions()), warmup=5)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert set(found[5:81]) == {1.0}
    assert found[81:] == pytest.approx([1 - math.sqrt(n / 20) for n in range(1, 20)])


def test_wsd_is_that_of_transformers():
    scheduler = pytest.importorskip("transformers").get_wsd_schedule
    wanted = of_torch(
        lambda optimizer: scheduler(
            optimizer, num_warmup_steps=0, num_stable_steps=80, num_decay_steps=20, min_lr_ratio=0.1
        )
    )
    assert rates(wsd.build(wsd.WsdOptions(form="cosine", end=0.1))) == pytest.approx(wanted)


def test_the_line_goes_down_to_its_end_and_the_constant_stays():
    assert rates(linear.build(linear.LinearOptions(end=0.5))) == pytest.approx([1 - 0.5 * n / 100 for n in range(100)])
    assert rates(constant.build(constant.ConstantOptions()), warmup=2) == [0.5] + [1.0] * 99


@pytest.mark.parametrize("make", [lambda: wsd.WsdOptions(decay=1.5), lambda: linear.LinearOptions(end=-1),
                                  lambda: one_cycle.OneCycleOptions(rise=0)])  # fmt: skip
def test_an_impossible_share_is_refused(make):
    with pytest.raises(UserError, match="must be in"):
        make()
