"""The router's loss and the experts' load: transformers' numbers, over valid positions alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func
from valle_mixtral.balance import Routing, balance_loss, load_figures
from valle_mixtral.factory import build
from valle_mixtral.options import MixtralOptions

from valle_core.types import PackedMask, SequenceMask


def model(kernel, **changes):
    torch.manual_seed(1)
    options = {"d_model": 16, "n_layers": 2, "n_heads": 2, "ffn_dim": 8, "n_experts": 4, "router_aux_loss_coef": 0.5}
    return build(MixtralOptions(**options | changes), attention=kernel)


def routed(*layers):
    return [Routing(logits=logits, chosen=logits.topk(2).indices) for logits in layers]


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_loss_of_transformers(seed):
    torch.manual_seed(seed)
    logits = [torch.randn(11, 5) * 2 for _ in range(3)]
    torch.testing.assert_close(balance_loss(routed(*logits)), load_balancing_loss_func(tuple(logits), 5, 2))


def test_an_even_router_gives_k_and_a_one_sided_one_more():
    even = torch.eye(4)[torch.arange(8) % 4] * 9 + torch.eye(4)[(torch.arange(8) + 1) % 4] * 8.9
    assert balance_loss(routed(even)).item() == pytest.approx(2.0, abs=1e-5)
    assert balance_loss(routed(even[:1].expand(8, -1))).item() > 3.9


def test_loads_are_shares_of_the_assignments():
    first = torch.tensor([[3.0, 2, 1, 0], [3, 2, 1, 0]])  # experts 0 and 1
    second = torch.tensor([[3.0, 2, 1, 0], [3, 0, 1, 2]])  # 0 and 1, 0 and 3
    found = {name: value.item() for name, value in load_figures(routed(first, second)).items()}
    assert found == {
        "expert_0_load": 0.5,
        "expert_1_load": 0.375,
        "expert_2_load": 0.0,
        "expert_3_load": 0.125,
        "expert_load_max": 0.5,
        "expert_load_min": 0.0,
    }


def test_padding_counts_neither_in_the_loss_nor_in_the_loads(kernel):
    backbone, x = model(kernel).eval(), torch.randn(2, 9, 16)
    lengths, positions = torch.tensor([9, 3]), torch.arange(9).expand(2, -1)
    out = backbone(x, SequenceMask.causal(lengths), positions)
    other = backbone(x.index_fill(1, torch.arange(3, 9), 7.0).index_copy(0, torch.tensor([0]), x[:1]),
                     SequenceMask.causal(lengths), positions)  # fmt: skip
    packed = backbone(torch.cat([x[:1], x[1:, :3]], dim=1), PackedMask(offsets=torch.tensor([0, 9, 12]),
                      prefix=torch.zeros(2).long()), torch.cat([torch.arange(9), torch.arange(3)])[None])  # fmt: skip
    for found in (other, packed):
        assert found.figures.keys() == out.figures.keys()
        for name, value in {**out.losses, **out.figures}.items():
            torch.testing.assert_close({**found.losses, **found.figures}[name], value)
    unpadded = backbone(x, replace(SequenceMask.causal(torch.tensor([9, 9])), padded=False), positions)
    assert (unpadded.losses["router_loss"] - out.losses["router_loss"]).abs() > 1e-5


def test_the_loss_is_scaled_by_its_coefficient_and_reaches_the_router(kernel):
    x, mask = torch.randn(1, 9, 16), SequenceMask.causal(torch.tensor([9]))
    small, large = (model(kernel, router_aux_loss_coef=c) for c in (0.1, 0.3))
    found = [backbone(x, mask, torch.arange(9)[None]).losses["router_loss"] for backbone in (small, large)]
    torch.testing.assert_close(3 * found[0], found[1])
    found[0].backward()
    assert all(bool(layer.mlp.gate.weight.grad.any()) for layer in small.layers)
    assert "router_loss" not in model(kernel, router_aux_loss_coef=0.0)(x, mask, torch.arange(9)[None]).losses


def test_the_loss_evens_the_load_out():
    torch.manual_seed(0)
    x = torch.randn(256, 16) + 0.5  # a direction in common: fresh routers prefer the same experts
    router = torch.nn.Linear(16, 6, bias=False)
    optimizer = torch.optim.AdamW(router.parameters(), lr=2e-2)
    spread = []
    for _ in range(40):
        routings = routed(router(x))
        found = load_figures(routings)
        spread.append((found["expert_load_max"] - found["expert_load_min"]).item())
        optimizer.zero_grad()
        balance_loss(routings).backward()
        optimizer.step()
    assert spread[-1] < 0.4 * spread[0]


def test_rows_without_tokens_have_no_loss_and_no_load(kernel):
    out = model(kernel)(torch.randn(2, 3, 16), SequenceMask.causal(torch.tensor([0, 0])), torch.arange(3).expand(2, -1))
    assert out.losses["router_loss"].item() == 0.0
    assert out.figures == {}
    assert bool(out.h.isfinite().all())


def test_decoding_carries_no_losses(kernel):
    backbone = model(kernel).eval()
    cache = backbone.new_cache(1, 4, torch.float32, torch.device("cpu"))
    out = backbone(torch.randn(1, 3, 16), SequenceMask.causal(torch.tensor([3])), torch.arange(3)[None], cache=cache)
    assert (out.losses, out.figures) == ({}, {})
