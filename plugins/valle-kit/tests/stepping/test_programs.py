"""Every backbone that has a program: what it gives is what its layers give, and follows its weights and caches."""

from __future__ import annotations

import copy

import pytest
import torch

from valle_core.api import Registry
from valle_core.assemble.part import build
from valle_core.types import SequenceMask
from valle_kit.quantized import quantize
from valle_kit.stepping import runner

pytest.importorskip("numba")

CPU = torch.device("cpu")
BACKBONES = {
    "transformer": ("transformer", {"d_model": 36, "n_layers": 3, "n_heads": 2}),
    "retnet": ("retnet", {"d_model": 40, "n_layers": 3, "n_heads": 2, "ffn_dim": 50}),
    "retnet, swish": ("retnet", {"d_model": 48, "n_layers": 2, "n_heads": 4, "activation": "swish"}),
    "mamba2": ("mamba2", {"d_model": 40, "n_layers": 3, "head_dim": 16, "d_state": 24}),
    "mamba2, groups": ("mamba2", {"d_model": 32, "n_layers": 2, "head_dim": 16, "n_groups": 2, "d_state": 8,
                                  "bias": True, "conv_bias": False, "d_conv": 3}),
}  # fmt: skip


@pytest.fixture(params=BACKBONES)
def pair(request):
    """The same weights twice: stepping by the program, and by torch."""
    name, options = BACKBONES[request.param]
    selected = Registry.open().select("arch", name)
    kernel = Registry.open().select("attention", "sdpa")
    torch.manual_seed(5)
    given = {"attention": build(kernel, kernel.options_type()()) if name == "transformer" else None}
    backbone = build(selected, selected.options_type()(**options), **given).eval()
    for parameter in backbone.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    by_torch = copy.deepcopy(backbone)
    by_torch.by_torch = True
    return backbone, by_torch


def prompted(backbone, x, lengths):
    cache = backbone.new_cache(len(x), 40, torch.float32, CPU)
    backbone(x, SequenceMask.causal(lengths), torch.arange(x.shape[1]).expand(len(x), -1), cache=cache)
    return cache


def both(models, caches, rows):
    x = torch.randn(rows, 1, models[0].d_model)
    mine, theirs = (model.step(x, cache) for model, cache in zip(models, caches, strict=True))
    torch.testing.assert_close(mine, theirs, atol=2e-5, rtol=0)
    assert caches[0].compiled is not None
    assert caches[1].compiled is None
    assert torch.equal(caches[0].lengths, caches[1].lengths)


@torch.inference_mode()
def test_steps_equal_those_of_torch_with_rows_reordered_and_narrowed(pair):
    x, lengths = torch.randn(5, 9, pair[0].d_model), torch.tensor([9, 1, 4, 9, 2])
    caches = [prompted(model, x, lengths) for model in pair]
    for rows, keep in ((5, None), (5, [3, 0, 1]), (3, [1, 1, 2, 0]), (4, [2])):
        both(pair, caches, rows)
        both(pair, caches, rows)
        for cache in caches if keep else ():
            cache.select(torch.tensor(keep))
    both(pair, caches, 1)


@torch.inference_mode()
def test_weights_changed_in_place_or_replaced_are_seen(pair):
    x, lengths = torch.randn(1, 4, pair[0].d_model), torch.tensor([4])
    caches = [prompted(model, x, lengths) for model in pair]
    both(pair, caches, 1)
    for model in pair:
        for parameter in model.parameters():
            parameter.data.mul_(1.1)
    both(pair, caches, 1)
    for model in pair:
        for parameter in model.parameters():
            parameter.data = parameter.data * 0.9
    both(pair, caches, 1)


@torch.inference_mode()
def test_one_thread_and_several_give_the_same_bits(pair, monkeypatch):
    model, _ = pair
    x, new, lengths = torch.randn(3, 5, model.d_model), torch.randn(3, 1, model.d_model), torch.tensor([5, 4, 1])
    cache = prompted(model, x, lengths)
    shared = copy.deepcopy(cache)
    alone = model.step(new, cache)
    monkeypatch.setattr(runner, "BYTES_PER_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert torch.equal(model.step(new, shared), alone)
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def test_int8_weights_are_read_as_the_layers_read_them(pair):
    x, lengths = torch.randn(2, 4, pair[0].d_model), torch.tensor([4, 3])
    for model in pair:
        if model.by_torch:  # which quantize refuses
            model.by_torch = False
            assert quantize(model, "int8")
            model.by_torch = True
        else:
            assert quantize(model, "int8")
    both(pair, [prompted(model, x, lengths) for model in pair], 2)


def test_what_is_no_plain_inference_goes_by_torch(pair):
    model, _ = pair
    x = torch.randn(1, 1, model.d_model)

    def taken(x=x):
        cache = model.new_cache(1, 8, x.dtype, CPU)
        model.step(x, cache)
        return cache.compiled is not None

    assert not taken()  # gradients
    with torch.inference_mode():
        assert taken()
        handle = model.layers[0].register_forward_hook(lambda *_: None)
        assert not taken()
        handle.remove()
        assert model.compiles()
        model.double()
        assert not taken(x.double())


@torch.inference_mode()
def test_a_copied_cache_goes_its_own_way(pair):
    x, lengths = torch.randn(1, 4, pair[0].d_model), torch.tensor([4])
    caches = [prompted(model, x, lengths) for model in pair]
    both(pair, caches, 1)
    branch = copy.deepcopy(caches[0])
    assert branch.compiled is None
    pair[0].step(torch.randn(1, 1, pair[0].d_model), branch)
    both(pair, caches, 1)
