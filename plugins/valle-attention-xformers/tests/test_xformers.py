"""What surrounds xformers, over a stand-in that computes the same: its own kernels need a GPU."""

from __future__ import annotations

import sys

import pytest
import torch
from valle_attention_xformers.kernel import Library, XformersCall, build, load
from valle_attention_xformers.options import XformersOptions
from valle_attention_xformers.plugin import SPEC

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.varlen_kernel import VarlenKernel
from valle_testing.fakes.varlen import Xformers
from valle_testing.suites.attention import checks as attention

STAND_IN = Library(Xformers().memory_efficient_attention, Xformers.BlockDiagonalMask)
KERNEL = VarlenKernel(
    "xformers",
    XformersCall(STAND_IN),
    devices=("cpu", "meta"),
    dtypes=(torch.float32, torch.bfloat16, torch.float16),
)


@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_its_plumbing_passes_the_suite_over_a_stand_in(check):
    check(KERNEL, SPEC.capabilities)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_its_plumbing_keeps_16_bits(dtype):
    attention.equals_the_rule(KERNEL, SPEC.capabilities, dtype=dtype)


def test_on_a_cpu_it_says_in_one_line_that_it_cannot_run():
    q = torch.zeros(1, 2, 3, 8)
    with pytest.raises(UserError, match=r"cannot run here: needs cuda with .*, found cpu .*Try: --attention"):
        build(XformersOptions())(q, q, q, SequenceMask.causal(torch.tensor([3])))


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xformers.ops", None)
    with pytest.raises(UserError, match=r"pip install xformers"):
        load()


def test_what_no_back_end_of_it_takes_is_a_user_error():
    def refuse(*given, **how):
        raise NotImplementedError("No operator found for `memory_efficient_attention_forward`\nmore")

    kernel = VarlenKernel(
        "xformers", XformersCall(Library(refuse, STAND_IN.blocks)), devices=("cpu",), dtypes=(torch.float32,)
    )
    q = torch.zeros(1, 2, 3, 8)
    with pytest.raises(UserError, match="cannot run here: No operator found"):
        kernel(q, q, q, SequenceMask.causal(torch.tensor([3])))


def test_layers_of_one_forward_share_a_bias():
    call, mask = XformersCall(STAND_IN), SequenceMask.causal(torch.tensor([3, 2]))
    kernel = VarlenKernel("xformers", call, devices=("cpu",), dtypes=(torch.float32,))
    q = torch.zeros(2, 2, 3, 8)
    kernel(q, q, q, mask)
    first = call._last[True][1]
    kernel(q, q, q, mask)
    assert call._last[True][1] is first
