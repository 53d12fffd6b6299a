"""An attention kernel that is the mask's definition, spelled out."""

from __future__ import annotations

import pytest

from valle_testing.fakes.rule_kernel import RuleKernel


@pytest.fixture
def kernel() -> RuleKernel:
    return RuleKernel()
