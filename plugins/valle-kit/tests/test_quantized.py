"""`--quantize`: what level 0 says with its matrices in 8 bits, where that can be, and what stays as it is."""

from __future__ import annotations

import re

import pytest
import torch

from valle_core.api import SYNTHESIS_SCHEMA, Registry, Request, Resolved, SynthesisOptions, UserError
from valle_kit import quantized
from valle_kit.engine import together
from valle_kit.int8_linear import Int8Linear
from valle_kit.opened import ready
from valle_kit.quantized import linear_layers, quantize

pytest.importorskip("numba")

REQUESTS = [Request(text=text, seed=seed, max_seconds=0.2) for seed, text in enumerate(("abc", "fed cba", "a"))]


def states(backbone, steps=12):
    torch.manual_seed(1)
    with torch.inference_mode():
        cache = backbone.new_cache(1, steps, torch.float32, torch.device("cpu"))
        return torch.cat([backbone.step(torch.randn(1, 1, backbone.d_model), cache) for _ in range(steps)])


def test_int8_changes_the_matrices_of_the_backbone_and_nothing_else(speaker):
    synthesizer = speaker()
    model = synthesizer.components.ar
    outside = {name: value.clone() for name, value in model.state_dict().items() if not name.startswith("backbone")}
    before, matrices = states(model.backbone), len(linear_layers(model.backbone))
    assert quantize(model.backbone, "int8")
    assert sum(isinstance(part, Int8Linear) for part in model.modules()) == matrices == 14
    assert not linear_layers(model.backbone)
    after = {name: value for name, value in model.state_dict().items() if not name.startswith("backbone")}
    assert all(torch.equal(after[name], value) for name, value in outside.items())
    error = (states(model.backbone) - before).abs().max() / before.abs().max()
    assert 0 < error < 0.05


def test_a_batch_of_int8_says_what_each_says_alone(speaker):
    synthesizer = speaker()
    quantize(synthesizer.components.ar.backbone, "int8")
    alone = [synthesizer([request])[0].codes for request in REQUESTS]
    assert all(torch.equal(one.codes, want) for one, want in zip(together(synthesizer, REQUESTS), alone, strict=True))


def test_the_compiled_step_reads_int8_as_the_layers_do(speaker):
    synthesizer = speaker()
    backbone = synthesizer.components.ar.backbone
    quantize(backbone, "int8")
    compiled = states(backbone)
    backbone.by_torch = True
    torch.testing.assert_close(compiled, states(backbone), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("seconds", "taken"), [((2.0, 1.0), True), ((1.0, 0.99), False), ((1.0, 2.0), False)])
def test_auto_takes_int8_where_it_is_faster(speaker, monkeypatch, seconds, taken):
    def timed(backbone):
        return seconds[not linear_layers(backbone)]

    monkeypatch.setattr(quantized, "step_seconds", timed)
    backbone = speaker().components.ar.backbone
    before = states(backbone)
    assert quantize(backbone, "auto") is taken
    assert torch.equal(states(backbone), before) is not taken


def test_a_step_is_timed(speaker):
    seconds = quantized.step_seconds(speaker().components.ar.backbone, steps=3, clock=iter(range(100)).__next__)
    assert seconds == 1


def test_where_no_compiled_step_reads_int8_it_is_refused_and_auto_goes_without(speaker):
    backbone = speaker("mamba").components.ar.backbone
    with pytest.raises(UserError, match=r"Leave --quantize out") as refused:
        quantize(backbone, "int8")
    for arch in ("llama", "mamba", "mamba2", "retnet", "transformer"):
        named = bool(re.search(rf"\b{arch}\b", str(refused.value)))
        assert speaker(arch).components.ar.backbone.compiles() is named
    assert not quantize(backbone, "auto")
    assert not quantize(backbone, "none")
    half = speaker().components.ar.backbone.bfloat16()
    with pytest.raises(UserError, match=r"in float32"):
        quantize(half, "int8")


@pytest.mark.parametrize(("way", "replaced"), [("int8", 14), ("none", 0)])
def test_a_model_is_opened_with_the_weights_that_are_asked_for(speaker, way, replaced):
    sections = {"synthesis": SynthesisOptions(quantize=way)}
    resolved = Resolved(parts={}, sections=sections, schema=SYNTHESIS_SCHEMA)
    opened = ready(speaker(), resolved, Registry.open())
    assert sum(isinstance(part, Int8Linear) for part in opened.components.ar.modules()) == replaced
