"""The kernel against the suite of attention kernels, in every dtype it declares."""

from __future__ import annotations

import pytest
import torch
from valle_attention_cpu.kernel import build
from valle_attention_cpu.options import CpuOptions
from valle_attention_cpu.plugin import SPEC

from valle_testing import suite
from valle_testing.suites.attention import checks as attention

test_it_conforms = suite.conformance("attention", build(CpuOptions()), SPEC.capabilities, spec=SPEC)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_it_passes_the_suite_in_16_bits(check, dtype):
    check(build(CpuOptions()), SPEC.capabilities, dtype=dtype)
