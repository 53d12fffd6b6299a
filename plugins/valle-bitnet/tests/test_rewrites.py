"""What the rewrites replace, what they leave, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from valle_bitnet.bitlinear import BitLinear
from valle_bitnet.packed import PackedBitLinear
from valle_bitnet.rewrite_options import BitLinearOptions
from valle_bitnet.rewrites import build_bitlinear, build_packed

from valle_core.plugin import UserError
from valle_testing.suites.rewrite.backbones import bare, plain, rich


def kinds(backbone):
    return {name: type(part).__name__ for name, part in backbone.named_modules() if hasattr(part, "in_features")}


def test_patterns_and_small_layers_are_left_out():
    backbone = rich()
    backbone.own[0][1] = nn.Linear(32, 96)
    backbone.own[1][3][0] = nn.Linear(96, 8)
    rewritten = build_bitlinear(BitLinearOptions(skip=("seen.*", "*.3.0"))).apply(backbone)
    assert kinds(rewritten) == {
        "own.0.1": "BitLinear",
        "own.0.3.0": "Linear",
        "own.1.1": "BitLinear",
        "own.1.3.0": "Linear",
        "seen.0": "Linear",
        "seen.1": "Linear",
    }
    assert kinds(build_bitlinear(BitLinearOptions()).apply(plain()))["seen.1"] == "BitLinear"
    with pytest.raises(UserError, match="all are skipped or smaller"):
        build_bitlinear(BitLinearOptions(smallest=33)).apply(plain())


def test_weights_keep_their_names_and_are_not_copied():
    backbone = plain()
    weight, names = backbone.own[0].weight, set(backbone.state_dict())
    rewritten = build_bitlinear(BitLinearOptions()).apply(backbone)
    assert rewritten.own[0].weight is weight
    assert set(rewritten.state_dict()) == names


def test_packing_takes_what_is_ternary_whatever_is_skipped():
    backbone = build_bitlinear(BitLinearOptions(skip=("seen.*",), norm="none")).apply(plain())
    packed = build_packed(BitLinearOptions(skip=("*",))).apply(backbone)
    assert kinds(packed) == {
        "own.0": "PackedBitLinear",
        "own.1": "PackedBitLinear",
        "seen.0": "Linear",
        "seen.1": "Linear",
    }
    assert packed.own[0].norm == "none"


def test_a_layer_under_two_names_stays_one():
    backbone = plain()
    backbone.own[1] = backbone.own[0]
    rewritten = build_bitlinear(BitLinearOptions()).apply(backbone)
    assert isinstance(rewritten.own[0], BitLinear)
    assert rewritten.own[1] is rewritten.own[0]


def test_other_kinds_of_linear_layers_are_left_alone():
    backbone = plain()
    backbone.attention = nn.MultiheadAttention(32, 2)  # its out_proj is a subclass whose weight is read directly
    rewritten = build_bitlinear(BitLinearOptions()).apply(backbone)
    assert not any(isinstance(part, BitLinear) for part in rewritten.attention.modules())


@pytest.mark.parametrize(
    ("build", "options", "backbone", "words"),
    [
        (build_bitlinear, {}, bare, "'bitlinear' finds no linear layer to replace: there is none it knows"),
        (build_packed, {}, bare, "'bitlinear-packed' finds no linear layer"),
        (build_bitlinear, {"skip": ("*",)}, plain, "all are skipped"),
        (build_bitlinear, {"skip": ("sean.*",)}, plain, r"skip 'sean\.\*' names no linear layer.*own\.0, own\.1, seen"),
    ],
)
def test_nothing_to_replace_and_patterns_that_name_nothing_are_refused(build, options, backbone, words):
    with pytest.raises(UserError, match=words):
        build(BitLinearOptions(**options)).apply(backbone())


def test_a_size_below_one_is_refused():
    with pytest.raises(UserError, match="smallest must be at least 1, got 0"):
        BitLinearOptions(smallest=0)


def test_it_learns():
    """A ternary layer fits a ternary teacher: gradients through the rounding point the right way."""
    torch.manual_seed(0)
    teacher, student = BitLinear(32, 16), BitLinear(32, 16)
    x = torch.randn(256, 32)
    wanted = PackedBitLinear(teacher, "none")(x)
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        loss = (student(x) - wanted).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.1 * losses[0]
