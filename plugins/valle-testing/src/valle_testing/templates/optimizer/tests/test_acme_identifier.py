"""The suite of optimizers, and the steps against the paper's formula."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.optimizer import build
from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC

test_it_conforms = suite.conformance("optimizer", partial(build, AcmeNameOptions()), spec=SPEC)


def test_steps_are_those_of_the_formula():
    weight = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = build(AcmeNameOptions(), groups=[{"params": [weight], "weight_decay": 0.1}], rate=0.01)
    expected, mean, variance = 1.0, 0.0, 0.0
    for step, gradient in enumerate((0.5, -0.2, 0.3), start=1):
        mean = 0.9 * mean + 0.1 * gradient
        variance = 0.999 * variance + 0.001 * (gradient - mean) ** 2 + 1e-12
        expected *= 1 - 0.01 * 0.1
        expected -= 0.01 * mean / (1 - 0.9**step) / (math.sqrt(variance / (1 - 0.999**step)) + 1e-12)
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        assert weight.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": (0.9, 1.0)}, r"optimizer.betas must be in \[0, 1\), got \[0.9, 1.0\]"),
        ({"epsilon": 0.0}, r"optimizer.epsilon must be in \(0, 1\], got 0.0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        AcmeNameOptions(**options)
