"""The suite of backbones, and what the suite does not ask."""

from __future__ import annotations

import pytest
import torch
from valle_llama.factory import build
from valle_llama.options import LlamaOptions
from valle_llama.plugin import SPEC

from valle_core.interfaces import Backbone, Cache
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
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


def test_it_satisfies_the_protocols(kernel):
    model = small(kernel)
    assert isinstance(model, Backbone)
    assert isinstance(model.new_cache(2, 8, torch.float32, torch.device("cpu")), Cache)


def test_its_mask_forms_are_those_of_its_kernel(kernel):
    assert small(RuleKernel()).mask_forms >= {"prefix", "window", "tree"}
    assert small(kernel).mask_forms == {"causal", "full", "mixed", "packed"}


@torch.no_grad()
def test_nan_in_the_padding_stays_there(kernel):
    model, x = small(kernel).eval(), torch.randn(2, 6, 32)
    mask = SequenceMask(lengths=torch.tensor([4, 6]), prefix=torch.tensor([4, 0]), query_start=torch.zeros(2).long())
    positions = torch.arange(6).expand(2, -1)
    clean = model(x, mask, positions).h
    x[0, 4:] = float("nan")
    torch.testing.assert_close(model(x, mask, positions).h[0, :4], clean[0, :4])


@torch.no_grad()
def test_a_window_is_handed_to_the_kernel_on_every_path(kernel):
    model, x = small(kernel).eval(), torch.randn(1, 6, 32)
    window = SequenceMask(lengths=torch.tensor([6]), prefix=torch.zeros(1).long(), query_start=torch.zeros(1).long(),
                          window=2, form="causal")  # fmt: skip
    want = model(x, window, torch.arange(6)[None]).h
    cache = model.new_cache(1, 6, torch.float32, torch.device("cpu"))
    for i in range(6):
        start = torch.tensor([i])
        mask = SequenceMask(lengths=start + 1, prefix=window.prefix, query_start=start, window=2, form="causal")
        torch.testing.assert_close(model(x[:, i : i + 1], mask, start[None], cache=cache).h, want[:, i : i + 1])


def test_packed_rows_have_no_cache(kernel):
    model = small(kernel)
    cache = model.new_cache(1, 9, torch.float32, torch.device("cpu"))
    mask = PackedMask(offsets=torch.tensor([0, 9]), prefix=torch.tensor([0]))
    with pytest.raises(UserError, match="no cache with packed segments"):
        model(torch.randn(1, 9, 32), mask, torch.arange(9)[None], cache=cache)


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
        build(LlamaOptions(), attention=None)


def test_the_cache_says_what_it_holds(kernel):
    cache = small(kernel).new_cache(2, 7, torch.float16, torch.device("cpu"))
    assert cache.nbytes == 2 * 3 * 2 * 2 * 8 * 8 * 2 + 2 * 8


def test_rewinding_forward_is_refused(kernel):
    cache = small(kernel).new_cache(2, 4, torch.float32, torch.device("cpu"))
    with pytest.raises(UserError, match=r"lengths to rewind to must be in \[0, \[0, 0\]\], got \[1, 0\]"):
        cache.rewind(torch.tensor([1, 0]))


@pytest.mark.slow
@torch.no_grad()
def test_torch_compile_traces_training_and_cached_forwards(kernel):
    model = small(kernel).eval()
    compiled = torch.compile(model, backend="aot_eager")
    x, lengths = torch.randn(2, 6, 32), torch.tensor([6, 4])
    mask, positions = SequenceMask.causal(lengths), torch.arange(6).expand(2, -1)
    want = model(x, mask, positions).h
    torch.testing.assert_close(compiled(x, mask, positions).h, want, atol=1e-5, rtol=0)
    cache = model.new_cache(2, 8, torch.float32, torch.device("cpu"))
    compiled(x[:, :3], SequenceMask.causal(lengths.clamp(max=3)), positions[:, :3], cache=cache)
    start = torch.tensor([3, 3])
    step = SequenceMask.causal(start + 1, query_start=start)
    torch.testing.assert_close(
        compiled(x[:, 3:4], step, start[:, None], cache=cache).h, want[:, 3:4], atol=1e-5, rtol=0
    )
