"""The suite of rewrites, and the thin layer against what is known of the best one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC
from acme_package.rewrite import AcmeNameRewrite
from acme_package.thin_linear import ThinLinear

test_it_conforms = suite.conformance("rewrite", lambda: AcmeNameRewrite(AcmeNameOptions()), spec=SPEC)


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 24, bias=False))


def test_what_is_lost_is_what_the_singular_values_left_out_say():
    linear = layers()[0]
    thin = ThinLinear(linear, rank=5)
    lost = (linear.weight - thin.up @ thin.down).square().sum()
    torch.testing.assert_close(lost, torch.linalg.svdvals(linear.weight)[5:].square().sum())


def test_at_full_rank_nothing_is_lost():
    linear, x = layers()[0], torch.randn(3, 24, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ThinLinear(linear, rank=24)(x), linear(x))


def test_only_the_layers_that_are_named_and_get_smaller_are_replaced():
    assert AcmeNameRewrite(AcmeNameOptions(share=0.5)).targets(layers()) == ["0", "2"]
    assert AcmeNameRewrite(AcmeNameOptions(share=0.5, only="2")).targets(layers()) == ["2"]
    with pytest.raises(UserError, match=r"finds no linear layer .* Try a smaller --rewrite.share"):
        AcmeNameRewrite(AcmeNameOptions(share=0.9)).apply(layers())


def test_a_share_of_nothing_is_refused():
    with pytest.raises(UserError, match=r"rewrite.share must be in \(0, 1\], got 0.0"):
        AcmeNameOptions(share=0.0)
