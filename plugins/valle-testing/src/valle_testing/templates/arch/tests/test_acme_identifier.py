"""The suite of backbones, and the recurrence against its formula."""

from __future__ import annotations

import pytest
import torch
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.backbone import build
from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC
from acme_package.recurrence import scan

SMALL = AcmeNameOptions(d_model=32, n_layers=3, dropout=0.3, longest_memory=64.0)

test_it_conforms = suite.conformance("arch", lambda: build(SMALL), spec=SPEC)


def test_the_scan_is_the_recurrence_step_by_step():
    random = torch.Generator().manual_seed(0)
    keep, new = (torch.rand(2, 13, 4, generator=random) for _ in range(2))
    found, reached = scan(keep, new)
    h = torch.zeros(2, 4)
    for t in range(13):
        h = keep[:, t] * h + new[:, t]
        torch.testing.assert_close(found[:, t], h)
    torch.testing.assert_close(reached[:, -1], keep.prod(dim=1))


def test_impossible_sizes_are_refused():
    with pytest.raises(UserError, match=r"arch.n_layers must be at least 1, got 0"):
        AcmeNameOptions(n_layers=0)
