"""The suites of backbones and of rewrites, and what the first does not ask."""

from __future__ import annotations

import pytest
import torch
from valle_bitnet.factory import build
from valle_bitnet.options import BitNetOptions
from valle_bitnet.plugin import BITLINEAR, PACKED, SPEC
from valle_bitnet.rewrite_options import BitLinearOptions
from valle_bitnet.rewrites import build_bitlinear, build_packed

from valle_core.interfaces import Backbone, Cache
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
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


def test_it_satisfies_the_protocols_and_its_spec(kernel):
    model = small(kernel)
    assert isinstance(model, Backbone)
    assert isinstance(model.new_cache(2, 8, torch.float32, torch.device("cpu")), Cache)
    words = {"cache", "select", "rewind", "positions", "checkpointing", "compile", "rounds"}
    assert model.mask_forms == SPEC.capabilities - words


@torch.no_grad()
def test_a_window_is_handed_to_the_kernel_with_and_without_a_cache(kernel):
    model, x = small(kernel).double().eval(), torch.randn(1, 6, 32).double()
    zero = torch.zeros(1).long()
    window = SequenceMask(lengths=zero + 6, prefix=zero, query_start=zero, window=2, form="causal")
    want = model(x, window, torch.arange(6)[None]).h
    assert (model(x, SequenceMask.causal(zero + 6), torch.arange(6)[None]).h - want).abs().max() > 1e-4
    cache = model.new_cache(1, 6, torch.float64, torch.device("cpu"))
    for i in range(6):
        start = zero + i
        mask = SequenceMask(lengths=start + 1, prefix=zero, query_start=start, window=2, form="causal")
        torch.testing.assert_close(model(x[:, i : i + 1], mask, start[None], cache=cache).h, want[:, i : i + 1])


def test_packed_rows_have_no_cache(kernel):
    model = small(kernel)
    cache = model.new_cache(1, 9, torch.float32, torch.device("cpu"))
    mask = PackedMask(offsets=torch.tensor([0, 9]), prefix=torch.tensor([0]))
    with pytest.raises(UserError, match="no cache with packed segments"):
        model(torch.randn(1, 9, 32), mask, torch.arange(9)[None], cache=cache)


def test_gradient_checkpointing_changes_no_gradient(kernel):
    grads = []
    for checkpointing in (False, True):
        torch.manual_seed(2)
        model = small(kernel, gradient_checkpointing=checkpointing, dropout=0.3).train()
        x, lengths = torch.randn(2, 5, 32), torch.tensor([5, 3])
        model(x, SequenceMask.causal(lengths), torch.arange(5).expand(2, -1)).h.square().sum().backward()
        grads.append([parameter.grad for name, parameter in model.named_parameters() if name != "norm.weight"])
    for plain, recomputed in zip(*grads, strict=True):
        torch.testing.assert_close(plain, recomputed)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"d_model": 33}, "d_model must be even, so that heads have an even width, got 33"),
        ({"n_heads": 5}, "n_heads must divide d_model = 32"),
        ({"n_kv_heads": 3}, "n_kv_heads must divide n_heads = 4, got 3"),
        ({"n_heads": 32, "n_kv_heads": None}, "even width for rotary positions, not 1, got 32"),
        ({"n_layers": 0}, "n_layers must be at least 1, got 0"),
        ({"ffn_dim": -1}, "ffn_dim must be at least 1, got -1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"rope_theta": 0.0}, "rope_theta"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
    ],
)
def test_impossible_sizes_are_refused_by_name(kernel, changes, words):
    with pytest.raises(UserError, match=words):
        small(kernel, **changes)


def test_without_a_kernel_it_says_what_to_choose():
    with pytest.raises(UserError, match="--attention"):
        build(BitNetOptions(), attention=None)


def test_the_cache_says_what_it_holds_and_refuses_to_rewind_forward(kernel):
    cache = small(kernel).new_cache(2, 7, torch.float16, torch.device("cpu"))
    assert cache.nbytes == 2 * 3 * 2 * 2 * 8 * 8 * 2 + 2 * 8
    with pytest.raises(UserError, match=r"lengths to rewind to must be in \[0, \[0, 0\]\], got \[1, 0\]"):
        cache.rewind(torch.tensor([1, 0]))


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
