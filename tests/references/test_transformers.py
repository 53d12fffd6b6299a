"""`llama` beside `transformers.LlamaModel` on equal weights: causal, padded, full and mixed rows, and decoding."""

from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaModel
from valle_attention_sdpa import sdpa
from valle_attention_sdpa.options import KernelOptions
from valle_attention_sdpa.plugin import SDPA
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

from valle_core.types import SequenceMask
from valle_kit.mixed_rows import MixedRows

D = 48


def pair(seed: int, kv_heads: int, folder):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=5,
        hidden_size=D,
        intermediate_size=80,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        rms_norm_eps=1e-5,
        initializer_range=0.3,
        attn_implementation="sdpa",
    )
    theirs = LlamaModel(config).eval()
    theirs.save_pretrained(folder)
    kernel = MixedRows(sdpa.sdpa(KernelOptions()), SDPA.capabilities)
    return build(LlamaOptions(weights=str(folder)), attention=kernel).eval(), theirs


def ours(backbone, x, mask):
    positions = torch.arange(x.shape[1]).expand(len(x), -1)
    return backbone.finish(backbone(x, mask, positions).h)


def dense(mask, T):
    """The 4-D mask that transformers takes: query i sees key j."""
    j, i = torch.arange(T), torch.arange(T)[:, None]
    length, prefix = mask.lengths[:, None, None], mask.prefix[:, None, None]
    return ((j < length) & ((j < prefix) | (j <= i)))[:, None]


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize("T", [1, 33, 257])
@torch.no_grad()
def test_causal_rows_of_odd_lengths(parity, tmp_path, T, kv_heads):
    backbone, theirs = pair(T + kv_heads, kv_heads, tmp_path)
    x = torch.randn(2, T, D)
    mask = SequenceMask.causal(torch.full((2,), T))
    expected = theirs(inputs_embeds=x).last_hidden_state
    compared = f"LlamaModel, causal, T = {T}, {kv_heads} kv heads"
    parity("transformers", compared, ours(backbone, x, mask), expected, within=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
@torch.no_grad()
def test_padded_full_and_mixed_rows_of_one_batch(parity, tmp_path, seed):
    backbone, theirs = pair(seed, 2, tmp_path)
    lengths = torch.tensor([41, 17, 41, 5, 29])
    mask = SequenceMask(
        lengths=lengths, prefix=torch.tensor([0, 17, 41, 0, 11]), query_start=torch.zeros(5, dtype=torch.long)
    )
    x = torch.randn(5, 41, D)
    expected = theirs(inputs_embeds=x, attention_mask=dense(mask, 41)).last_hidden_state
    valid = torch.arange(41) < lengths[:, None]
    compared = f"LlamaModel, causal, full and prefix rows, padded, seed {seed}"
    parity("transformers", compared, ours(backbone, x, mask)[valid], expected[valid], within=1e-5)


@torch.no_grad()
def test_decoding_from_a_cache(parity, tmp_path):
    backbone, theirs = pair(7, 2, tmp_path)
    x, first = torch.randn(1, 43, D), 30
    memory, cache = DynamicCache(), backbone.new_cache(1, 43, x.dtype, x.device)
    theirs(inputs_embeds=x[:, :first], past_key_values=memory)
    backbone(x[:, :first], SequenceMask.causal(torch.tensor([first])), torch.arange(first)[None], cache=cache)
    steps = [(backbone.step(x[:, i : i + 1], cache), theirs(inputs_embeds=x[:, i : i + 1], past_key_values=memory))
             for i in range(first, 43)]  # fmt: skip
    mine = torch.stack([own for own, _ in steps], 1)
    expected = torch.cat([other.last_hidden_state for _, other in steps], 1)
    parity("transformers", "LlamaModel, 13 steps after a prompt of 30", mine, expected, within=1e-5)


def test_gradients_of_the_weights(parity, tmp_path):
    backbone, theirs = pair(9, 2, tmp_path)
    x = torch.randn(1, 35, D)
    ours(backbone, x, SequenceMask.causal(torch.tensor([35]))).square().sum().backward()
    theirs(inputs_embeds=x).last_hidden_state.square().sum().backward()
    expected = {name: p.grad for name, p in theirs.named_parameters() if "embed_tokens" not in name}
    mine = dict(backbone.named_parameters())
    flat = [torch.cat([grads[name].flatten() for name in expected]) for grads in
            ({name: mine[name].grad for name in expected}, expected)]  # fmt: skip
    parity("transformers", "LlamaModel, gradients of every weight, T = 35", *flat, within=1e-5)
