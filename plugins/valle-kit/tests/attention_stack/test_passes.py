"""Rotation and norm in fewer passes give what their formulas give, and the gradients that autograd finds for those."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_kit.attention_stack import norm as norms
from valle_kit.attention_stack import rotary
from valle_kit.attention_stack.norm import rms_norm
from valle_kit.attention_stack.rotary import rotary_frequencies, rotate, rotation


def with_gradients(function, *leaves):
    given = [leaf.detach().clone().requires_grad_(leaf.requires_grad) for leaf in leaves]
    out = function(*given)
    (out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum().backward()
    return [out, *(one.grad for one in given if one.requires_grad)]


def same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_a_rotation_is_turned_back_by_its_gradient(monkeypatch):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 7, 8, requires_grad=True)
    by = rotation(torch.arange(14).view(2, 7), rotary_frequencies(8, 1e4), torch.float32)
    wanted = with_gradients(lambda x: x * by[0] + torch.cat((-x[..., 4:], x[..., :4]), dim=-1) * by[1], x)
    same(with_gradients(lambda x: rotate(x, by), x), wanted)
    with torch.no_grad():
        torch.testing.assert_close(rotate(x, by), wanted[0].detach())
    monkeypatch.setattr(rotary._Turned, "apply", lambda *given: pytest.fail("of another dtype"))
    rotate(x.bfloat16(), by).sum().backward()


@pytest.mark.parametrize("frozen", [False, True])
def test_a_norm_has_the_gradients_of_its_formula(frozen, monkeypatch):
    torch.manual_seed(0)
    layer, x = nn.RMSNorm(16, eps=1e-5), torch.randn(2, 5, 16, requires_grad=True) * 3
    weight = (torch.randn(16) * 2).requires_grad_(not frozen)

    def by(function):
        layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=weight.requires_grad)
        return [*with_gradients(lambda x: function(layer, x), x.detach().requires_grad_()), layer.weight.grad]

    wanted, found = by(lambda layer, x: layer(x)), by(rms_norm)
    same(found[:2], wanted[:2])
    assert (found[2] is None) is (wanted[2] is None) is frozen
    if not frozen:
        same(found[2:], wanted[2:])
    monkeypatch.setattr(norms._RmsNorm, "apply", lambda *given: pytest.fail("it only runs"))
    with torch.no_grad():
        rms_norm(layer, x)
