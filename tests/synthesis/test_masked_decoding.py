"""A level 0 that is filled in place: what its passes read, how long it lasts, and one model that does both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.masking import MASKED, masked
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.guidance import UNGUIDED, Guidance
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.masked import fill_level0
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.parts import FakeChooser, FakeFiller, FakeProcessor
from valle_testing.fakes.speaking import Greedy, part, synthesizer_of

SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefghˈː")
V = 32
GUIDED = Guidance(scale=2.5, rescale=0.7, without=frozenset({"text", "prompt", "tone"}))


class Counting(FakeBackbone):
    """Notes how many rows each forward pass had."""

    def forward(self, x, mask, positions, **more):
        self.calls = [*getattr(self, "calls", []), x.shape[0]]
        return super().forward(x, mask, positions, **more)


@dataclass(frozen=True)
class Asking:
    """A filler that notes what it is answered."""

    seen: list

    def fill(self, ask, frames, hidden, view):
        codes = torch.arange(sum(frames), device=view.lengths.device) % (hidden + 1)
        self.seen.append((codes, ask(codes)))
        return codes % hidden


def make(*samplers, guidance: Guidance = UNGUIDED, alignment=None, **options) -> Synthesizer:
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=1, num_levels=2, codebook_size=V)
    chosen = ModelOptions(**{"masked": 0.5, "drop_condition": 0.1, **options})
    model = CodecLM(Counting(), vocabulary, chosen, codebooks=torch.randn(2, V, 5), alignment=alignment).eval()
    with torch.no_grad():
        model.embedding.table *= 4
    return synthesizer_of(model, symbols=SYMBOLS, chain=samplers, guidance=guidance, fill=fill_level0)


def requests(**changes) -> list[Request]:
    prompts = [torch.randint(0, V, (n, 4), generator=torch.Generator().manual_seed(n)) for n in (6, 13)]
    asked = [
        Request(text="abc", prompt=prompts[0], seconds=0.3),
        Request(text="hg fe dc", seconds=0.5, seed=3),
        Request(text="d", prompt=prompts[1], seconds=0.02, seed=9),
    ]
    return [replace(request, **changes) for request in asked]


def test_answers_last_as_long_as_asked_for_and_end_by_themselves():
    for request, speech in zip(requests(), make(FakeFiller())(requests()), strict=True):
        assert speech.codes.shape == (max(1, round(request.seconds * 50)), 2)
        assert speech.stopped
        assert int(speech.codes.max()) < V
    (cut,) = make(FakeFiller())([Request(text="abc", seconds=3.0, max_seconds=0.1)])
    assert (len(cut.codes), cut.stopped) == (5, False)


@pytest.mark.parametrize("guidance", [UNGUIDED, GUIDED], ids=["unguided", "guided"])
@pytest.mark.parametrize("options", [{}, {"markers": "sum"}, {"codebook_embeddings": True, "tie": True}], ids=str)
def test_a_pass_answers_what_the_rows_with_these_codes_answer(options, guidance):
    seen: list = []
    synthesizer = make(Asking(seen), guidance=guidance, **options)
    synthesizer(requests())
    ((codes, logits),) = seen
    parts, model = synthesizer.components, synthesizer.components.ar
    rows = []
    for request, known in zip(requests(), codes.split([15, 25, 1]), strict=True):
        inputs = replace(synthesizer.prepare(request).inputs, response=known[:, None])
        row = parts.task.compose(inputs, 0, training=False)
        rows.append(masked(row, torch.zeros(len(known), dtype=torch.bool), mask=V))
    with torch.no_grad():
        wanted = guidance(model(pack(guidance.rows(rows), model.rules)).logits[MASKED][:, :V])
    torch.testing.assert_close(logits, wanted, atol=1e-4, rtol=1e-4)


def test_both_branches_of_guidance_run_in_one_pass_and_scale_one_is_none():
    plain, guided = make(FakeFiller()), make(FakeFiller(), guidance=GUIDED)
    one = make(FakeFiller(), guidance=replace(GUIDED, scale=1.0))
    wanted, found = plain(requests()), one(requests())
    guided(requests())
    assert plain.components.ar.backbone.calls == one.components.ar.backbone.calls == [3, 3, 3]
    assert guided.components.ar.backbone.calls == [6, 6, 3]  # levels ≥ 1 are guided by themselves
    assert all(torch.equal(a.codes, b.codes) for a, b in zip(wanted, found, strict=True))


@pytest.mark.parametrize("guidance", [UNGUIDED, GUIDED], ids=["unguided", "guided"])
def test_a_request_gives_the_same_codes_alone_and_in_a_batch(guidance):
    filler = part("sampler", "masked", {"steps": 5, "t": 1.2, "noise": 2.0})
    synthesizer = make(FakeProcessor(p=0.9), filler, guidance=guidance)
    together = synthesizer(requests())
    for request, speech in zip(requests(), together, strict=True):
        assert torch.equal(synthesizer([request])[0].codes, speech.codes)
    others = synthesizer(requests(seed=77))
    assert any(not torch.equal(a.codes, b.codes) for a, b in zip(together, others, strict=True))


def test_one_model_says_level_0_in_order_and_fills_it_in_place():
    both = make(FakeChooser())
    in_order = both(requests(seconds=0.0, max_seconds=0.2))
    plain = make(FakeChooser(), masked=0.0)(requests(seconds=0.0, max_seconds=0.2))
    assert all(torch.equal(a.codes, b.codes) for a, b in zip(in_order, plain, strict=True))
    filling = Synthesizer(replace(both.components, chain=SamplerChain([FakeFiller()])))
    assert [len(speech.codes) for speech in filling(requests())] == [15, 25, 1]


def aligned(*samplers, **options) -> Synthesizer:
    torch.manual_seed(1)
    pointer = part("alignment", "pointer", d_model=16, symbols=SYMBOLS, languages=1)
    with torch.no_grad():
        pointer.dwells.texts.fill_(2)
        pointer.dwells.counts.fill_(2)
        pointer.dwells.frames.copy_(2 * torch.arange(len(SYMBOLS) + 2) % 12 + 2)
    return make(*samplers, alignment=pointer, **options)


def test_an_alignment_says_how_long_a_text_lasts_and_when_it_says_what():
    asked = requests(seconds=0.0)
    usual, fast = aligned(FakeFiller()), aligned(FakeFiller())
    fast = Synthesizer(replace(fast.components, speed=2.0))
    for slow, quick, request in zip(usual(asked), fast(asked), asked, strict=True):
        assert len(slow.times) == len(request.text) + 1
        assert list(slow.times) == sorted(slow.times)
        assert 0 < slow.times[-1] <= slow.seconds + 1e-6
        assert abs(quick.seconds - slow.seconds / 2) <= 0.02 + 1e-6
        (alone,) = usual([request])
        assert torch.equal(alone.codes, slow.codes)


def test_a_duration_stretches_what_the_alignment_says():
    usual, asked = aligned(FakeFiller()), requests(seconds=0.0)
    for plain, stretched in zip(usual(asked), usual([replace(one, seconds=1.0) for one in asked]), strict=True):
        assert len(stretched.codes) == 50
        factor = 1.0 / plain.seconds
        torch.testing.assert_close(torch.tensor(stretched.times), torch.tensor(plain.times) * factor)


def test_guidance_of_an_aligned_model_leaves_out_what_the_alignment_adds():
    without, given = aligned(FakeFiller(), guidance=GUIDED), aligned(FakeFiller())
    asked = requests(seconds=0.0)
    found, plain = without(asked), given(asked)
    assert [len(a.codes) for a in found] == [len(b.codes) for b in plain]
    assert any(not torch.equal(a.codes, b.codes) for a, b in zip(found, plain, strict=True))


def test_an_alignment_without_durations_is_refused(monkeypatch):
    synthesizer = aligned(FakeFiller())
    monkeypatch.setattr("valle_kit.masked.KnowsDurations", type("KnownByNobody", (), {}))
    with pytest.raises(UserError, match="alignment knows no durations"):
        synthesizer(requests())


@pytest.mark.parametrize(("synthesizer", "request_", "message"), [
    (lambda: make(FakeFiller()), Request(text="abc"), "give its seconds with --duration"),
    (lambda: make(FakeFiller()), Request(text="abc", seconds=-1.0), r"duration must be in \[0, 3600\] s, got -1"),
    (lambda: make(FakeFiller()), Request(text="abc", seconds=float("nan")), r"duration must be in \[0, 3600\]"),
    (lambda: make(FakeChooser()), Request(text="abc", seconds=1.0), "only speech that is filled in place takes a"),
    (lambda: make(FakeFiller(), masked=0.0), Request(text="abc", seconds=1.0), "train with --model.masked 0.5"),
    (lambda: make(FakeChooser(), masked=1.0), Request(text="abc"), "masked only.*choose --sampler masked"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(synthesizer, request_, message):
    with pytest.raises(UserError, match=message):
        synthesizer()([request_])


def test_speech_that_does_not_fit_the_model_is_refused(monkeypatch):
    synthesizer = make(FakeFiller())
    monkeypatch.setattr(synthesizer.components.ar.backbone, "max_length", 30, raising=False)
    with pytest.raises(UserError, match=r"fill \d+ positions of at most 30; shorten them"):
        synthesizer([Request(text="abc", seconds=1.0)])
    assert len(synthesizer([Request(text="abc", seconds=0.2)])[0].codes) == 10


@pytest.mark.parametrize("without", [frozenset({"text"}), frozenset({"prompt"})], ids=sorted)
def test_a_guided_walk_says_what_both_rows_read_as_a_whole_say(without):
    """Token by token: the branch without the text is not told where the walk is."""
    guidance = replace(GUIDED, without=without)
    synthesizer = aligned(Greedy(), guidance=guidance)
    model, rate = synthesizer.components.ar, synthesizer.components.codec.frame_rate
    with torch.no_grad():
        model.alignment.advance.weight.normal_(std=0.3)
        model.alignment.advance.bias.fill_(-0.7)
    asked = requests(seconds=0.0)
    for request, speech in zip(asked, synthesizer(asked), strict=True):
        assert speech.stopped
        assert torch.equal(synthesizer([request])[0].codes, speech.codes)
        inputs = synthesizer.prepare(request).inputs
        inputs = replace(inputs, response=speech.codes, times=torch.tensor(speech.times) * rate)
        row = synthesizer.components.task.compose(inputs, 0, training=True)
        with torch.no_grad():
            logits = guidance(model(pack(guidance.rows([row]), model.rules)).logits[0])[:, :V]
        lost = logits.max(-1).values - logits.gather(1, row.target[:, None].long())[:, 0]
        assert float(lost.max()) < 1e-3
