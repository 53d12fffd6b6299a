"""Few states by the compiled function: what the layers give, also where they changed, and by torch where it cannot."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_kit.few import FEW, Few

kernel = pytest.importorskip("valle_kit.stepping.kernel")


@pytest.fixture
def layers():
    torch.manual_seed(1)
    norm = nn.LayerNorm(20)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    kernel.compiled()
    return nn.Sequential(norm, nn.Linear(20, 50), nn.GELU(), nn.Linear(50, 13, bias=False))


def is_compiled(few):
    return few._made is not None


@pytest.mark.parametrize("shape", [(1,), (FEW,), (1, 3), (2, 2), (FEW + 1,)])
@torch.inference_mode()
def test_it_is_what_the_layers_give(layers, shape):
    few, x = Few(*layers), torch.randn(*shape, 20)
    torch.testing.assert_close(few(x), layers(x), rtol=0, atol=1e-5)
    assert is_compiled(few) == (shape != (FEW + 1,))


@torch.inference_mode()
def test_weights_changed_in_place_or_replaced_are_seen(layers):
    few, x = Few(*layers), torch.randn(2, 20)
    few(x)
    layers[1].weight.data.mul_(2)
    torch.testing.assert_close(few(x), layers(x), rtol=0, atol=1e-5)
    layers[3].weight.data = torch.randn(13, 50)
    torch.testing.assert_close(few(x), layers(x), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_nothing_waits_for_compiling(layers, monkeypatch):
    monkeypatch.setattr(kernel, "is_ready", lambda: False)
    monkeypatch.setattr(kernel, "compiled", lambda: pytest.fail("compiled"))
    few, x = Few(*layers), torch.randn(1, 20)
    assert torch.equal(few(x), layers(x))


@torch.inference_mode()
def test_watched_and_unknown_layers_go_by_torch(layers):
    x, seen = torch.randn(1, 20), []
    layers[1].register_forward_hook(lambda *_: seen.append(True))
    few = Few(*layers)
    few(x)
    assert seen
    assert not is_compiled(few)
    other = Few(nn.Linear(20, 20), nn.Tanh())
    other(x)
    assert not is_compiled(other)
