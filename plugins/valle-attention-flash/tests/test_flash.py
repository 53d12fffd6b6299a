"""What surrounds FlashAttention's functions, over stand-ins that compute the same: its own kernels need a GPU."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from valle_attention_flash import kernels, plugin
from valle_attention_flash.generations import GENERATIONS, choose
from valle_attention_flash.options import FlashOptions, NoOptions, TorchOptions

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.varlen_kernel import VarlenKernel
from valle_testing.fakes import varlen as stand_in
from valle_testing.suites.attention import checks as attention

EVERYWHERE = {"devices": ("cpu", "meta"), "dtypes": (torch.float32, torch.bfloat16, torch.float16)}


def flash(*, with_logs: bool = False) -> VarlenKernel:
    module = stand_in.FlashAttention(with_logs=with_logs)
    found = (SimpleNamespace(name="2", widest=256), module)
    return VarlenKernel("flash_attn", kernels.FlashVarlen("2", choose=lambda *_: found), **EVERYWHERE)


STAND_INS = {
    "flash_attn": flash(),
    "flash_attn, generation 4": flash(with_logs=True),
    "varlen": VarlenKernel("varlen", kernels.TorchVarlen(stand_in.varlen_attn), **EVERYWHERE),
}


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_its_plumbing_passes_the_suite_over_a_stand_in(check, name):
    check(STAND_INS[name], plugin.VARLEN.capabilities)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_its_plumbing_keeps_16_bits(dtype):
    attention.equals_the_rule(STAND_INS["flash_attn"], plugin.FLASH_ATTN.capabilities, dtype=dtype)


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (kernels.flash_attn, FlashOptions()),
        (kernels.flash_attention_2, NoOptions()),
        (kernels.flash_attention_3, NoOptions()),
        (kernels.flash_attention_4, NoOptions()),
        (kernels.varlen, TorchOptions()),
    ],
)
def test_on_a_cpu_it_says_in_one_line_that_it_cannot_run(build, options):
    q = torch.zeros(1, 2, 3, 8)
    with pytest.raises(
        UserError, match="cannot run here: needs cuda with bfloat16, float16, found cpu with float32"
    ) as refusal:
        build(options)(q, q, q, SequenceMask.causal(torch.tensor([3])))
    assert str(refusal.value).endswith("Try: --attention sdpa")
    assert "\n" not in str(refusal.value)


def test_the_newest_generation_that_suits_the_gpu_is_taken():
    there = {"flash_attn": "two", "flash_attn_interface": "three", "flash_attn.cute": "four"}
    assert [choose("newest", major, load=there.get)[1] for major in (8, 9, 10, 12)] == ["three", "four", "four", "two"]
    assert choose("2", 9, load=there.get)[1] == "two"
    del there["flash_attn.cute"]
    assert choose("newest", 9, load=there.get)[1] == "three"


def test_what_was_passed_over_is_said_with_its_reason():
    with pytest.raises(UserError, match=r"4 has no kernels for compute capability 7\.x; 3 has .*; 2 has .* Try: --att"):
        choose("newest", 7, load=lambda name: None)
    with pytest.raises(UserError, match=r"3 is not installed \(pip install flash-attn-3\)"):
        choose("3", 9, load=lambda name: None)


def test_a_package_that_is_not_there_is_not_loaded():
    assert not any(generation.module == "flash_attn" and choose for generation in GENERATIONS[:2])
    with pytest.raises(UserError, match=r"2 is not installed"):
        choose("2", 8)


def test_an_implementation_that_cannot_be_activated_is_named():
    with pytest.raises(UserError, match=r"'varlen' cannot activate FA3: .*Try: --attention.implementation torch"):
        kernels.varlen(TorchOptions(implementation="FA3"))


def test_an_older_pytorch_without_what_is_needed_is_named(monkeypatch):
    monkeypatch.delattr("torch.nn.attention.activate_flash_attention_impl", raising=False)
    with pytest.raises(UserError, match=r"'varlen' cannot activate FA3: cannot import .*Try: --attention.impl"):
        kernels.varlen(TorchOptions(implementation="FA3"))
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", None)
    kernel = VarlenKernel("varlen", kernels.TorchVarlen(), **EVERYWHERE)
    q = torch.zeros(1, 2, 3, 8)
    with pytest.raises(UserError, match=r"'varlen' cannot run here: PyTorch .* has no torch.nn.attention.varlen\. Try"):
        kernel(q, q, q, SequenceMask.causal(torch.tensor([3])))


def test_heads_wider_than_the_generation_takes_are_refused():
    found = (SimpleNamespace(name="4", widest=128), stand_in.FlashAttention())
    kernel = VarlenKernel("flash_attn", kernels.FlashVarlen("4", choose=lambda *_: found), **EVERYWHERE)
    q, mask = torch.zeros(1, 2, 3, 136), SequenceMask.causal(torch.tensor([3]))
    for _ in range(2):
        with pytest.raises(UserError, match="FlashAttention 4 takes heads up to 128 wide, got 136"):
            kernel(q, q, q, mask)
        kernel(*(q[..., :128],) * 3, mask)
