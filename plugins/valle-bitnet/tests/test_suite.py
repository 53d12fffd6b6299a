"""The suites of backbones and of rewrites, and what the first does not ask."""

from __future__ import annotations

import pytest
import torch
from valle_bitnet.factory import build
from valle_bitnet.options import BitNetOptions
from valle_bitnet.plugin import BITLINEAR, PACKED, SPEC
from valle_bitnet.rewrite_options import BitLinearOptions
from valle_bitnet.rewrites import build_bitlinear, build_packed

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing import suite
from valle_testing.fakes.rule_kernel import RuleKernel

OPTIONS = {"d_model": 32, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "ffn_dim": 48}

test_bitlinear_conforms = suite.conformance("rewrite", lambda: build_bitlinear(BitLinearOptions()), spec=BITLINEAR)
test_bitlinear_without_a_norm_conforms = suite.conformance(
    "rewrite", lambda: build_bitlinear(BitLinearOptions(norm="none")), spec=BITLINEAR
)
test_packed_conforms = suite.conformance("rewrite", lambda: build_packed(BitLinearOptions()), spec=PACKED)


def small(kernel, **changes):
    return build(BitNetOptions(**OPTIONS | changes), attention=kernel)


test_it_conforms = suite.conformance(
    "arch",
    lambda **changes: small(RuleKernel(), **{"dropout": 0.3, "max_length": 24} | changes).double(),
    spec=SPEC,
    slow=("compiles_without_a_difference",),
)


def test_packed_it_passes_the_suite_but_for_training(kernel):
    def packed():
        return build_packed(BitLinearOptions()).apply(small(kernel, max_length=24, activation="silu").double())

    report = suite.run("arch", packed)
    assert report.ok, report.table()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_heads": 5}, "arch 'bitnet': n_heads must divide d_model = 32"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_sizes_are_refused_by_name(kernel, changes, words):
    with pytest.raises(UserError, match=words):
        small(kernel, **changes)


def test_without_a_kernel_it_says_what_to_choose():
    with pytest.raises(UserError, match="--attention"):
        build(BitNetOptions(), attention=None)


@pytest.mark.slow
def test_torch_compile_gives_the_same_states_and_gradients(kernel):
    torch.manual_seed(0)
    model = small(kernel).double()
    compiled = torch.compile(model, backend="aot_eager")
    x, lengths = torch.randn(2, 6, 32).double(), torch.tensor([6, 4])
    mask, positions = SequenceMask.causal(lengths), torch.arange(6).expand(2, -1)
    found = []
    for run in (model, compiled):
        model.zero_grad()
        out = run(x, mask, positions)
        model.finish(out.h).sin().sum().backward()
        found.append([out.h, *(parameter.grad.clone() for parameter in model.parameters())])
    for plain, traced in zip(*found, strict=True):
        torch.testing.assert_close(traced, plain, atol=1e-5, rtol=1e-5)
    with torch.no_grad():  # the way of int8 products
        torch.testing.assert_close(compiled(x, mask, positions).h, model(x, mask, positions).h, atol=1e-5, rtol=1e-5)
