"""The suite of attention kernels, and what blocks may not change."""

from __future__ import annotations

import pytest
import torch
from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing import suite

from acme_package.kernel import build
from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC

test_it_conforms = suite.conformance("attention", build(AcmeNameOptions(block=4)), SPEC.capabilities, spec=SPEC)


def test_blocks_change_nothing():
    q, k, v = torch.randn(3, 2, 4, 11, 8, generator=torch.Generator().manual_seed(0))
    mask = SequenceMask.causal(torch.tensor([11, 6]))
    whole = build(AcmeNameOptions(block=11))(q, k, v, mask)
    for block in (1, 3, 10, 100):
        torch.testing.assert_close(build(AcmeNameOptions(block=block))(q, k, v, mask), whole)


def test_a_block_of_nothing_is_refused():
    with pytest.raises(UserError, match=r"attention.block must be at least 1, got 0"):
        AcmeNameOptions(block=0)
