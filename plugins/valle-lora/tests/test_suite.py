"""The suite of rewrites, and every backbone with adapters: as itself at first, merged as unmerged."""

from __future__ import annotations

import copy

import pytest
import torch
from valle_lora.options import LoraOptions
from valle_lora.plugin import LORA
from valle_lora.rewrite import LoraRewrite, adapters_of, linear_layers, merge

from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_testing import suite
from valle_testing.installed import GIVEN
from valle_testing.suites.arch.batch import batch

test_it_conforms = suite.conformance("rewrite", lambda: LoraRewrite(LoraOptions()), spec=LORA)

REGISTRY = Registry.open()
ARCHS = [entry.name for entry in REGISTRY.entries("arch") if entry.status == "ok"]


def backbone(arch: str, seed: int = 0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ((make,), _) = GIVEN["arch"](REGISTRY.select("arch", arch), "cpu")
        return make().eval()


def states(model) -> torch.Tensor:
    """Of a causal row and a full one."""
    rows = batch(model, [9, 7], [0, 7])
    with torch.no_grad():
        return model.finish(model(rows.x, rows.mask, rows.positions, condition=rows.condition).h)


def stirred(model):
    """With adapters that do something."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for name in linear_layers(model):
            for adapter in adapters_of(model.get_submodule(name)):
                with torch.no_grad():
                    adapter.lora_B.normal_(std=0.1)
    return model


def merged(model):
    model = copy.deepcopy(model)
    for name in linear_layers(model):
        merge(model.get_submodule(name))
    return model


@pytest.mark.parametrize("arch", ARCHS)
def test_every_backbone_is_itself_at_first_and_merged_as_unmerged(arch):
    plain = backbone(arch)
    before = states(plain)
    adapted = LoraRewrite(LoraOptions(rank=3)).apply(backbone(arch))
    torch.testing.assert_close(states(adapted), before, atol=1e-6, rtol=1e-6)
    adapted = stirred(adapted)
    after = states(adapted)
    assert (after - before).abs().max() > 1e-3, "the adapters change nothing"
    torch.testing.assert_close(states(adapted), after, atol=0, rtol=0)  # what is kept in eval mode
    torch.testing.assert_close(states(merged(adapted)), after, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("arch", ARCHS)
def test_adapters_alone_are_trained(arch):
    adapted = stirred(LoraRewrite(LoraOptions(rank=2)).apply(backbone(arch))).train()
    rows = batch(adapted, [9, 7], [0, 7])
    out = adapted(rows.x, rows.mask, rows.positions, condition=rows.condition)
    adapted.finish(out.h).square().mean().backward()
    for name in linear_layers(adapted):
        layer = adapted.get_submodule(name)
        assert layer.parametrizations.weight.original.grad is None, name
        for adapter in adapters_of(layer):
            assert adapter.lora_A.grad.any(), f"{name} gets no gradient"
            assert adapter.lora_B.grad.any(), f"{name} gets no gradient"


def test_a_second_adapter_stands_on_the_first():
    once = stirred(LoraRewrite(LoraOptions(rank=2)).apply(backbone("transformer")))
    before = states(once)
    twice = LoraRewrite(LoraOptions(rank=4, targets=("*.qkv",))).apply(once)
    torch.testing.assert_close(states(twice), before)
    counts = {name: len(adapters_of(twice.get_submodule(name))) for name in linear_layers(twice)}
    assert {count for name, count in counts.items() if name.endswith("qkv")} == {2}
    assert {count for name, count in counts.items() if not name.endswith("qkv")} == {1}
    torch.testing.assert_close(states(merged(stirred(twice))), states(twice), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"alpha": 0.0}, "alpha must be above 0, got 0"),
        ({"targets": ()}, "targets must hold at least 1 pattern"),
        ({"targets": ("*.q_porj",)}, "target '.*q_porj' names no linear layer. They are called like: "),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        LoraRewrite(LoraOptions(**options)).apply(backbone("transformer"))
