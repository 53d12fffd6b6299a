"""Linear layers by oneDNN give what they gave, and go the usual way wherever oneDNN is not meant."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from valle_kit.onednn import ROWS, OneDnnLinear, pays, products, quicken


def two_layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 16, bias=False))


@pytest.fixture
def calls(monkeypatch):
    """Shapes that went by oneDNN."""
    seen = []
    usual = torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(
        torch.ops.mkldnn, "_linear_pointwise", lambda x, *rest: (seen.append(tuple(x.shape)), usual(x, *rest))[1]
    )
    return seen


def test_layers_give_what_they_gave(calls):
    model, x = two_layers(), torch.randn(3, 5, 24)
    before = model(x)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert quicken(model, here=True) == 2
    assert quicken(model, here=True) == 0
    with torch.inference_mode():
        torch.testing.assert_close(model(x), before, atol=1e-5, rtol=1e-5)
    assert calls == [(3, 5, 24), (3, 5, 40)]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_are_what_they_were(bias, calls):
    torch.manual_seed(0)
    usual, quick, x = nn.Linear(24, 40, bias=bias), nn.Linear(24, 40, bias=bias), torch.randn(2, 9, 24)
    quick.load_state_dict(usual.state_dict())
    quicken(quick, here=True)
    found = []
    for layer in (usual, quick):
        given = x.clone().requires_grad_()
        layer(given).square().sum().backward()
        found.append([given.grad, *(one.grad for one in layer.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert len(calls) == 3


@pytest.mark.parametrize("widths", [(40, 40), (40, 8), (8, 16)])
def test_layers_over_one_input_give_what_each_gives_alone(widths, calls):
    torch.manual_seed(0)
    layers, x = nn.ModuleList(nn.Linear(24, width, bias=width == 8) for width in widths), torch.randn(2, 9, 24)
    found = []
    for here in (False, True):
        quicken(layers, here=here)
        given = x.clone().requires_grad_()
        made = products(given, *layers)
        sum(one.transpose(0, 1).square().sum() for one in made).backward()
        found.append([*made, given.grad, *(one.grad for one in layers.parameters())])
        layers.zero_grad()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert len(calls) == 3 * len(layers)


def test_frozen_layers_over_one_input_have_no_gradient(calls):
    layers, x = nn.ModuleList(nn.Linear(24, 40) for _ in "ab"), torch.randn(2, 9, 24)
    quicken(layers, here=True)
    layers[0].requires_grad_(False)
    sum(one.sum() for one in products(x, *layers)).backward()
    assert layers[0].weight.grad is None
    assert layers[1].weight.grad is not None
    assert len(calls) == 3


def test_a_layer_that_somebody_watches_is_called(calls):
    layers, seen = nn.ModuleList(nn.Linear(24, 40) for _ in "ab"), []
    quicken(layers, here=True)
    layers[1].register_forward_hook(lambda *given: seen.append(given))
    products(torch.randn(2, 9, 24), *layers)
    assert len(seen) == 1


@pytest.mark.parametrize("how", ["few rows", "half precision", "autocast"])
def test_the_rest_goes_the_usual_way(how, calls):
    model, x = two_layers(), torch.randn(2, ROWS, 24)
    quicken(model, here=True)
    with torch.inference_mode():
        if how == "few rows":
            model(x[0, : ROWS - 1])
        elif how == "half precision":
            model.bfloat16()(x.bfloat16())
        elif how == "autocast":
            with torch.autocast("cpu", torch.bfloat16):
                model(x)
    assert not calls


def test_only_plain_layers_change_and_only_where_it_pays():
    class Own(nn.Linear):
        pass

    model = nn.Sequential(Own(2, 2), nn.Linear(2, 2))
    assert quicken(model, here=False) == 0
    assert type(model[1]) is nn.Linear
    assert quicken(model, here=True) == 1
    assert type(model[0]) is Own
    assert type(model[1]) is OneDnnLinear


@pytest.mark.parametrize(
    ("vendors", "capability", "wanted"),
    [
        ("vendor_id\t: AuthenticAMD", "AVX512", True),
        ("vendor_id\t: AuthenticAMD", "AVX2", False),
        ("vendor_id\t: GenuineIntel", "AVX512", False),
        ("", "AVX512", False),
    ],
)
def test_it_pays_on_amd_with_avx512(vendors, capability, wanted):
    assert pays(vendors, capability) is (wanted and torch.backends.mkldnn.is_available())
