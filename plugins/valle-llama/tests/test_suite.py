"""The suite of backbones, and what the suite does not ask."""

from __future__ import annotations

import pytest
from valle_llama.factory import build
from valle_llama.options import LlamaOptions
from valle_llama.plugin import SPEC

from valle_core.plugin import UserError
from valle_testing import suite
from valle_testing.fakes.rule_kernel import RuleKernel

OPTIONS = {"d_model": 32, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "ffn_dim": 48}


def small(kernel, **changes):
    return build(LlamaOptions(**OPTIONS | changes), attention=kernel)


def dropping(**changes):
    return small(RuleKernel(), **{"dropout": 0.3, "max_length": 24} | changes)


test_it_conforms_layer_by_layer = suite.conformance(
    "arch", lambda **changes: dropping(decode_step="layers", **changes), spec=SPEC
)
test_it_conforms_with_the_fused_step = suite.conformance(
    "arch",
    lambda **changes: dropping(decode_step="fused", **changes),
    spec=SPEC,
    slow=("compiles_without_a_difference",),
)


def test_its_mask_forms_are_those_of_its_kernel():
    assert small(RuleKernel()).mask_forms >= {"prefix", "window", "tree"}
    assert small(lambda q, k, v, mask, *, scale=None: q).mask_forms == {"causal", "full", "mixed", "packed"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_heads": 5}, "arch 'llama': n_heads must divide d_model = 32"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_sizes_are_refused_by_name(kernel, changes, words):
    with pytest.raises(UserError, match=words):
        small(kernel, **changes)


def test_without_a_kernel_it_says_what_to_choose():
    with pytest.raises(UserError, match="--attention"):
        build(LlamaOptions(), attention=None)
