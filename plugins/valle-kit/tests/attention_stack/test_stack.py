"""The stack around layers: the smallest backbone over it keeps the contract, and says what it does not take."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_core.plugin import PluginSpec, UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_stack.rotary_layers import PreNormLayer, RotaryAttention, RotaryStack
from valle_kit.attention_stack.rotary_sizes import RotarySizes
from valle_kit.attention_stack.stack import AttentionStack, StackSizes
from valle_testing import suite
from valle_testing.fakes.rule_kernel import RuleKernel

WORDS = "causal full mixed packed prefix window tree cache select rewind checkpointing compile"
SPEC = PluginSpec(
    kind="arch",
    name="tiny",
    api=1,
    summary="The smallest backbone over the stack",
    factory="tiny:build",
    options="tiny:Options",
    capabilities=frozenset(WORDS.split()),
    needs={"attention": frozenset({"causal", "full"})},
)
SIZES = StackSizes(d_model=32, n_layers=3, n_kv_heads=1, head_dim=32, max_length=24)


class Layer(nn.Module):
    """Attention of one head without positions."""

    def __init__(self, kernel):
        super().__init__()
        self.kernel, self.qkv = kernel, nn.Linear(32, 96)

    def forward(self, x, mask, shared, append=None):
        q, k, v = self.qkv(x)[:, None].chunk(3, dim=-1)
        if append is not None:
            k, v = append(k, v)
        return x + self.kernel(q, k, v, mask)[:, 0]


class Tiny(AttentionStack):
    def __init__(self, kernel, *, gradient_checkpointing=False):
        super().__init__("tiny", SIZES, kernel, gradient_checkpointing=gradient_checkpointing)
        self.layers = nn.ModuleList(Layer(kernel) for _ in range(SIZES.n_layers))
        self.norm = nn.LayerNorm(32)


test_a_stack_of_the_smallest_layers_conforms = suite.conformance(
    "arch", lambda **changes: Tiny(RuleKernel(), **changes), spec=SPEC, slow=("compiles_without_a_difference",)
)


def call(stack, T=6, mask=None, **how):
    mask = mask or SequenceMask.causal(torch.tensor([T]))
    return stack(torch.randn(1, T, 32), mask, torch.arange(T)[None], **how)


def test_what_it_does_not_take_is_refused():
    stack = Tiny(RuleKernel())
    cache = stack.new_cache(1, 6, torch.float32, torch.device("cpu"))
    packed = PackedMask(offsets=torch.tensor([0, 6]), prefix=torch.tensor([0]))
    with pytest.raises(UserError, match="arch 'tiny' takes no cache with packed segments"):
        call(stack, mask=packed, cache=cache)
    with pytest.raises(UserError, match="there is no layer 3, choose among 0 … 2"):
        call(stack, layers=(0, 3))
    with pytest.raises(UserError, match=r"there is no layer -1"):
        call(stack, layers=(-1,))
    with pytest.raises(UserError, match=r"'tiny': rows must have at most 24 positions, got 25.*--arch.max-length 25"):
        call(stack, 25)
    with pytest.raises(UserError, match="at most 24 positions, got 30"):
        stack.new_cache(1, 30, torch.float32, torch.device("cpu"))


def test_of_packed_segments_the_longest_counts():
    stack = Tiny(RuleKernel())
    call(stack, 30, PackedMask(offsets=torch.tensor([0, 10, 30]), prefix=torch.tensor([0, 0])))
    with pytest.raises(UserError, match="at most 24 positions, got 25"):
        call(stack, 30, PackedMask(offsets=torch.tensor([0, 5, 30]), prefix=torch.tensor([0, 0])))


def test_a_first_cached_call_says_that_nothing_is_cached():
    """Kernels know it by `query_start is prefix`, without a look at the device."""
    seen = []

    class Looks(RuleKernel):
        def __call__(self, q, k, v, mask, *, scale=None):
            seen.append(mask.query_start is mask.prefix)
            return super().__call__(q, k, v, mask, scale=scale)

    stack = Tiny(Looks())
    cache = stack.new_cache(1, 8, torch.float32, torch.device("cpu"))
    start = torch.tensor([0])
    call(stack, 4, SequenceMask.causal(start + 4, query_start=start), cache=cache)
    call(stack, 1, SequenceMask.causal(start + 5, query_start=start + 4), cache=cache)
    assert seen == [True] * 3 + [False] * 3


def test_what_layers_give_beside_their_states_is_reported_without_a_cache():
    class Told(Tiny):
        def run(self, index, x, mask, shared, append=None):
            return (*super().run(index, x, mask, shared, append), index)

        def report(self, given):
            return {"figures": {"indices": [index for (index,) in given]}}

    stack = Told(RuleKernel())
    assert call(stack, layers=(0, 2)).figures == {"indices": [0, 2]}
    assert not call(stack, cache=stack.new_cache(1, 8, torch.float32, torch.device("cpu"))).figures


def test_rotary_states_depend_on_distances_alone():
    sizes = RotarySizes(d_model=32, n_layers=2, n_heads=1, n_kv_heads=1, head_dim=32, ffn_dim=32, rope_theta=10000.0,
                        norm_eps=1e-5, max_length=None)  # fmt: skip
    layers = (
        PreNormLayer(sizes, RotaryAttention(sizes, RuleKernel()), nn.Linear(32, 32, bias=False), 0.0) for _ in "ab"
    )
    stack, x = RotaryStack("tiny", sizes, RuleKernel(), layers, gradient_checkpointing=False), torch.randn(1, 6, 32)
    mask, positions = SequenceMask.causal(torch.tensor([6])), torch.arange(6)[None]
    near = stack(x, mask, positions).h
    torch.testing.assert_close(stack(x, mask, positions + 100).h, near, atol=1e-4, rtol=0)
    assert (stack(x, mask, positions * 3).h - near).abs().max() > 1e-4
