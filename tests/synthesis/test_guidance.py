"""Classifier-free guidance: its formulae, one forward pass for both branches, and nothing changed at scale 1."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.guidance import UNGUIDED, Guidance
from valle_core.synthesis.options import SynthesisOptions
from valle_core.synthesis.request import Request
from valle_core.synthesis.synthesizer import Synthesizer
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.speaking import SYMBOLS, synthesizer_of

EVERYTHING = frozenset({"text", "prompt", "tone"})
GUIDED = Guidance(scale=3.0, rescale=0.5, without=EVERYTHING)


class Counting(FakeBackbone):
    """Notes how many rows each forward pass had."""

    def forward(self, x, mask, positions, **more):
        self.calls = [*getattr(self, "calls", []), x.shape[0]]
        return super().forward(x, mask, positions, **more)


def make(guidance: Guidance = UNGUIDED, nar_guidance: Guidance = UNGUIDED, **options) -> Synthesizer:
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=1, num_levels=3, codebook_size=32)
    model = CodecLM(Counting(), vocabulary, ModelOptions(drop_condition=0.1, **options)).eval()
    with torch.no_grad():
        model.embedding.table *= 4
        model.heads.stop.normal_(std=0.3)
        model.heads.bias[:, 32] += 0.5
    return synthesizer_of(model, guidance=guidance, nar_guidance=nar_guidance)


def requests() -> list[Request]:
    prompts = [torch.randint(0, 32, (n, 4), generator=torch.Generator().manual_seed(n)) for n in (6, 13)]
    return [
        Request(text="abc", prompt=prompts[0], max_seconds=0.3),
        Request(text="hg fe dc", max_seconds=0.2),
        Request(text="d", prompt=prompts[1], max_seconds=0.5),
    ]


def by_hand(given: list[float], plain: list[float], scale: float, rescale: float) -> list[float]:
    """2207.12598 and 2305.08891, eq. 15 and 16, one number after the other."""

    def spread(values: list[float]) -> float:
        mean = math.fsum(values) / len(values)
        return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))

    guided = [u + scale * (c - u) for c, u in zip(given, plain, strict=True)]
    rescaled = [x * spread(given) / spread(guided) for x in guided]
    return [rescale * a + (1 - rescale) * b for a, b in zip(rescaled, guided, strict=True)]


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0, 7.5])
@pytest.mark.parametrize("rescale", [0.0, 0.7, 1.0])
def test_logits_are_those_of_the_papers(scale, rescale):
    logits = torch.randn(6, 33, generator=torch.Generator().manual_seed(2)) * 3
    found = Guidance(scale=scale, rescale=rescale, without=EVERYTHING)(logits)
    wanted = [by_hand(logits[row].tolist(), logits[row + 3].tolist(), scale, rescale) for row in range(3)]
    torch.testing.assert_close(found.double(), torch.tensor(wanted, dtype=torch.float64), atol=2e-5, rtol=1e-5)


def test_full_rescaling_keeps_the_spread_and_equal_logits_stay_equal():
    logits = torch.randn(8, 33, generator=torch.Generator().manual_seed(3))
    found = Guidance(scale=5.0, rescale=1.0, without=EVERYTHING)(logits)
    torch.testing.assert_close(found.std(-1), logits[:4].std(-1))
    flat = Guidance(scale=5.0, rescale=1.0, without=EVERYTHING)(torch.ones(2, 5))
    assert torch.equal(flat, torch.ones(1, 5))


def test_half_precision_does_not_overflow():
    logits = torch.tensor([[6e4, -6e4], [-6e4, 6e4]], dtype=torch.float16)
    assert Guidance(scale=8.0, without=EVERYTHING)(logits).isfinite().all()


def test_scale_one_is_no_guidance_bit_for_bit_and_costs_no_row():
    logits = torch.randn(4, 9)
    same = Guidance(scale=1.0, rescale=0.5, without=EVERYTHING)
    assert same(logits) is logits
    plain, one = make(), make(same, same)
    for a, b in zip(plain(requests()), one(requests()), strict=True):
        assert torch.equal(a.codes, b.codes)
    assert plain.components.ar.backbone.calls == one.components.ar.backbone.calls


def test_both_branches_run_in_one_forward_pass():
    plain, guided = make(), make(GUIDED, GUIDED)
    asked = [replace(request, max_seconds=0.04) for request in requests()]  # two frames: no row leaves before the end
    plain(asked), guided(asked)
    assert guided.components.ar.backbone.calls == [2 * rows for rows in plain.components.ar.backbone.calls]


@pytest.mark.parametrize("options", [{}, {"markers": "sum"}, {"layout": "text-first"}], ids=str)
@pytest.mark.parametrize("without", [EVERYTHING, frozenset({"text"}), frozenset({"prompt"})], ids=sorted)
def test_what_is_decoded_is_what_both_rows_read_as_a_whole_say(options, without):
    guidance = replace(GUIDED, without=without)
    synthesizer = make(guidance, guidance, **options)
    parts, model = synthesizer.components, synthesizer.components.ar
    for request, speech in zip(requests(), synthesizer(requests()), strict=True):
        inputs = replace(synthesizer.prepare(request).inputs, response=speech.codes)
        for level in range(3):
            row = parts.task.compose(inputs, level, training=True)
            with torch.no_grad():
                logits = guidance(model(pack(guidance.rows([row]), model.rules)).logits[level])
            expected = row.target
            if level == 0:
                logits[0, 32] = -math.inf
                expected = torch.cat([expected, torch.tensor([32] if speech.stopped else [])]).long()
            chosen = logits[: len(expected)].gather(1, expected[:, None])[:, 0]
            assert float((logits[: len(expected)].max(-1).values - chosen).max()) < 1e-3


def test_a_request_gives_the_same_codes_alone_and_in_a_batch_and_others_than_without():
    guided, plain = make(GUIDED, GUIDED), make()
    together = guided(requests())
    for request, speech in zip(requests(), together, strict=True):
        assert torch.equal(guided([request])[0].codes, speech.codes)
    unlike = [not torch.equal(a.codes, b.codes) for a, b in zip(together, plain(requests()), strict=True)]
    assert any(unlike)


def test_each_half_is_guided_by_its_own_scale():
    plain, only_nar = make()(requests()), make(UNGUIDED, GUIDED)(requests())
    assert all(torch.equal(a.codes[:, 0], b.codes[:, 0]) for a, b in zip(plain, only_nar, strict=True))
    assert any(not torch.equal(a.codes, b.codes) for a, b in zip(plain, only_nar, strict=True))


@pytest.mark.parametrize(("options", "without", "message"), [
    ({}, "all", r"r was never trained without text or prompt.*--model.drop-condition 0.1"),
    ({"drop_condition": 0.1}, "text", r"r was never trained without its text.*--model.drop-text 0.1"),
    ({"drop_prompt": 0.1}, "text", r"r was never trained without its text.*--model.drop-text 0.1"),
    ({"drop_text": 0.1}, "prompt", r"r was never trained without its prompt.*--model.drop-prompt 0.1"),
])  # fmt: skip
def test_a_model_that_was_not_trained_for_it_is_refused_and_the_fix_fixes_it(options, without, message):
    with pytest.raises(UserError, match=message):
        Guidance.of(ModelOptions(**options), "r", scale=2.0, rescale=0.0, without=without)
    fix = {"all": "drop_condition"}.get(without, f"drop_{without}")
    found = Guidance.of(ModelOptions(**{fix: 0.1}), "r", scale=2.0, rescale=0.0, without=without)
    assert found.without == (EVERYTHING if without == "all" else {without})
    assert Guidance.of(ModelOptions(), "r", scale=1.0, rescale=0.0, without=without).branches == 1


@pytest.mark.parametrize(("name", "value", "message"), [
    ("guidance", -0.1, r"guidance must be in \[0, 20\]"), ("nar_guidance", 21, r"nar_guidance must be in \[0, 20\]"),
    ("guidance_rescale", 1.1, r"guidance_rescale must be in \[0, 1\]"), ("guidance", math.nan, "must be in"),
    ("guidance_rescale", 0.7, "no effect without guidance"),
])  # fmt: skip
def test_options_out_of_range_are_refused(name, value, message):
    with pytest.raises(UserError, match=message):
        SynthesisOptions(**{name: value})
