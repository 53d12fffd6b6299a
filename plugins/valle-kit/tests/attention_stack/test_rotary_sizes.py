"""Sizes are filled in from options; what no backbone with rotary attention can have is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from valle_core.plugin import UserError
from valle_kit.attention_stack.rotary_sizes import RotaryOptions, RotarySizes


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes(RotarySizes):
    arch: ClassVar[str] = "tiny"


def test_what_is_left_open_is_filled_in():
    assert Sizes.of(RotaryOptions(d_model=32, n_layers=3)) == Sizes(
        d_model=32, n_layers=3, n_heads=4, n_kv_heads=4, head_dim=8, ffn_dim=128, rope_theta=10000.0, norm_eps=1e-5,
        max_length=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"d_model": 0}, "d_model must be at least 1, got 0"),
        ({"d_model": 33}, "d_model must be even, so that heads have an even width, got 33"),
        ({"n_heads": 5}, "n_heads must divide d_model = 32, e.g. [1, 2, 4, 8, 16], got 5"),
        ({"n_heads": 0}, "n_heads must be at least 1, got 0"),
        ({"n_heads": 64}, "n_heads must divide d_model = 32, e.g. [1, 2, 4, 8, 16], got 64"),
        ({"n_heads": 32}, "n_heads must give heads of even width for rotary positions, not 1, got 32"),
        ({"n_kv_heads": 3}, "n_kv_heads must divide n_heads = 4, got 3"),
        ({"n_kv_heads": 0}, "n_kv_heads must be at least 1, got 0"),
        ({"n_layers": 0}, "n_layers must be at least 1, got 0"),
        ({"ffn_dim": -1}, "ffn_dim must be at least 1, got -1"),
        ({"rope_theta": 0.0}, "rope_theta must be above 0, got 0.0"),
        ({"norm_eps": float("nan")}, "norm_eps must be above 0, got nan"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
    ],
)
def test_impossible_sizes_are_refused_by_name(changes, words):
    with pytest.raises(UserError) as refused:
        Sizes.of(RotaryOptions(**{"d_model": 32, **changes}))
    assert str(refused.value) == f"arch 'tiny': {words}"
