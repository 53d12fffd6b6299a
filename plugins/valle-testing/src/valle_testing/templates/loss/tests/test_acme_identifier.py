"""The suite of losses, and the values against the paper's formula."""

from __future__ import annotations

import pytest
import torch
from valle_core.plugin import UserError
from valle_testing import suite
from valle_testing.suites.loss.batches import SIZES, given

from acme_package.loss import build
from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC

test_it_conforms = suite.conformance("loss", lambda: build(AcmeNameOptions(), **SIZES), spec=SPEC)


def test_with_the_cross_entropy_it_is_the_formula():
    batch, output = given()
    found = build(AcmeNameOptions(gamma=2.0), **SIZES)(batch, output)
    plain, wanted, count = 0.0, 0.0, 0
    for level, logits in output.logits.items():
        for row, target in zip(logits.detach().double().softmax(-1), batch.predicted[level].targets, strict=True):
            p = row[target]
            plain, wanted, count = plain - p.log(), wanted - (1 - p) ** 2 * p.log(), count + 1
    assert float(found.losses["acme_identifier"].detach()) == pytest.approx(float((wanted - plain) / count), rel=1e-5)


def test_its_gradient_is_that_of_the_formula():
    batch, output = given([(1, 4, 0)])
    found = build(AcmeNameOptions(gamma=2.0), **SIZES)(batch, output).losses["acme_identifier"]
    p = output.logits[1].double().softmax(-1).gather(-1, batch.predicted[1].targets[:, None])
    wanted = ((1 - (1 - p) ** 2) * p.log()).mean()  # without the cross-entropy
    (one,), (other,) = (torch.autograd.grad(loss, [output.logits[1]]) for loss in (found, wanted))
    assert torch.allclose(one, other, atol=1e-6)


def test_without_gamma_nothing_is_added():
    batch, output = given()
    with torch.no_grad():
        found = build(AcmeNameOptions(gamma=0.0), **SIZES)(batch, output)
    assert float(found.losses["acme_identifier"]) == 0


@pytest.mark.parametrize("gamma", [-1.0, 11.0])
def test_impossible_options_are_refused(gamma):
    with pytest.raises(UserError, match=rf"loss.gamma must be in \[0, 10\], got {gamma}"):
        AcmeNameOptions(gamma=gamma)
