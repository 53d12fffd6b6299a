"""Routing: who gets what, what counts, and what the trainer is told."""

from __future__ import annotations

import pytest
import torch
from valle_retnet.experts import Experts
from valle_retnet.factory import build
from valle_retnet.options import RetNetOptions, sizes_of

from valle_core.types import SequenceMask

OPTIONS = {"d_model": 16, "n_layers": 2, "n_heads": 2, "ffn_dim": 24, "n_experts": 4}


def experts(chosen=2):
    torch.manual_seed(0)
    return Experts(sizes_of(RetNetOptions(**OPTIONS, experts_per_token=chosen)))


@pytest.mark.parametrize("chosen", [1, 2, 4])
@torch.no_grad()
def test_each_position_is_the_weighted_sum_of_its_experts(chosen):
    layer, x = experts(chosen), torch.randn(1, 5, 16)
    found, _ = layer(x, None)
    gates = layer.gates(x[0])
    for place in range(5):
        best = gates[place].argsort(descending=True)[:chosen]
        weights = gates[place, best] if chosen == 1 else gates[place, best] / gates[place, best].sum()
        want = sum(w * layer.experts[int(e)](x[0, place]) for w, e in zip(weights, best, strict=True))
        torch.testing.assert_close(found[0, place], want, atol=1e-6, rtol=0)
    torch.testing.assert_close(layer.step(x[0]), found[0])


@torch.no_grad()
def test_padding_does_not_count():
    layer, x = experts(), torch.randn(2, 6, 16)
    valid = torch.arange(6) < torch.tensor([[6], [2]])
    _, alone = layer(x[valid][None], None)
    _, padded = layer(x, valid)
    torch.testing.assert_close(padded.share, alone.share)
    torch.testing.assert_close(padded.balance, alone.balance)


@torch.no_grad()
def test_the_balance_is_one_when_all_are_used_alike_and_more_when_one_takes_all():
    layer = experts(1)
    layer.gates = lambda x: torch.eye(4) * 0.97 + 0.01
    assert layer(torch.randn(1, 4, 16), None)[1].balance == pytest.approx(1.0, abs=0.02)
    layer.gates = lambda x: torch.tensor([[0.97, 0.01, 0.01, 0.01]]).expand(4, -1)
    assert layer(torch.randn(1, 4, 16), None)[1].balance == pytest.approx(3.88, abs=0.01)


def test_the_trainer_is_told_the_loss_and_the_load():
    model = build(RetNetOptions(**OPTIONS, router_loss=0.5))
    out = model(torch.randn(2, 6, 16), SequenceMask.causal(torch.tensor([6, 3])), torch.arange(6).expand(2, -1))
    assert set(out.losses) == {"router_balance"}
    assert out.losses["router_balance"].requires_grad
    shares = [out.figures[f"expert_{index}"] for index in range(4)]
    assert sum(shares).item() == pytest.approx(1.0)
    assert out.losses["router_balance"].item() == pytest.approx(0.5 * out.figures["balance"].item())
    plain = build(RetNetOptions(**OPTIONS | {"n_experts": 0}))
    out = plain(torch.randn(1, 6, 16), SequenceMask.causal(torch.tensor([6])), torch.arange(6)[None])
    assert not out.losses
    assert not out.figures


def test_an_idle_expert_gets_a_gradient_of_zeros():
    layer = experts(1)
    layer(torch.randn(1, 1, 16), None)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in layer.experts.parameters())
