"""The suite of samplers, and the threshold against the paper's formula."""

from __future__ import annotations

import math

import pytest
import torch
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.plugin import SPEC
from acme_package.sampler import AcmeNameSampler

test_it_conforms = suite.conformance("sampler", AcmeNameSampler, spec=SPEC)
test_it_conforms_where_it_bites = suite.conformance("sampler", lambda: AcmeNameSampler(epsilon=0.3), spec=SPEC)


@pytest.mark.parametrize("epsilon", [0.001, 0.05, 0.2])
def test_the_tokens_above_eta_stay(epsilon):
    p = [0.6, 0.25, 0.1, 0.04, 0.0095, 0.0005]
    eta = min(epsilon, math.sqrt(epsilon) * math.exp(sum(x * math.log(x) for x in p)))
    found = AcmeNameSampler(epsilon=epsilon).process(torch.tensor([p]).log(), view=None)
    assert found.isfinite().tolist() == [[x >= eta for x in p]]


def test_an_impossible_epsilon_is_refused():
    with pytest.raises(UserError, match=r"acme-name's epsilon must be in \(0, 1\), got 1.5"):
        AcmeNameSampler(epsilon=1.5)
