"""Several positions in one pass have the bits of as many steps, also where the layers are run in two parts."""

from __future__ import annotations

import pytest
import torch
from valle_llama.factory import build
from valle_llama.options import LlamaOptions

from valle_core.api import Registry
from valle_core.api import build as build_part
from valle_core.types import SequenceMask

pytest.importorskip("numba")


@torch.inference_mode()
@pytest.mark.parametrize("lengths", [[5], [5, 2, 3]])
def test_positions_ahead_have_the_bits_of_steps(lengths):
    torch.manual_seed(0)
    kernel = Registry.open().select("attention", "sdpa")
    attention = build_part(kernel, kernel.options_type()())
    backbone = build(LlamaOptions(d_model=64, n_layers=3, n_heads=4, n_kv_heads=2), attention=attention).eval()
    B, T = len(lengths), 4
    prompt, x = torch.randn(B, max(lengths), 64), torch.randn(B, T, 64)
    mask, positions = SequenceMask.causal(torch.tensor(lengths)), torch.arange(max(lengths)).expand(B, -1)
    one, several, parts = (backbone.new_cache(B, 12, torch.float32, torch.device("cpu")) for _ in range(3))
    for cache in (one, several, parts):
        backbone(prompt, mask, positions, cache=cache)
    steps = torch.stack([backbone.step(x[:, t : t + 1], one) for t in range(T)], 1)
    ahead = backbone.ahead()
    assert torch.equal(ahead(x, several, 0, 3), steps)
    assert several.lengths.tolist() == one.lengths.tolist() == [length + T for length in lengths]
    h = torch.cat([ahead(x[:, t : t + 1], parts, 0, 1) for t in range(T)], 1)
    parts.rewind(parts.lengths - T)
    assert torch.equal(ahead(h, parts, 1, 3), steps)
    several.rewind(several.lengths - 2)
    assert torch.equal(ahead(x[:, 2:], several, 0, 3), steps[:, 2:])
