"""A model with a pointer speaks the same codes with drafts and without, whoever draws them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_draft.heads import DraftHeads
from valle_draft.layer_skip import LayerSkip
from valle_draft.options import HeadsOptions, LayerSkipOptions

from valle_core.assemble.part import build
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.options import SynthesisOptions
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.text.symbols import SymbolMap
from valle_kit.engine import Engine
from valle_kit.masked import fill_level0
from valle_testing.fakes.audio import FakeCodec, FakeFrontend

SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefghˈː")
D = 16


class Greedy:
    def choose(self, logits, view):
        return logits.argmax(-1)


def part(kind: str, name: str, options: dict, **parts):
    plugin = Registry.open().select(kind, name)
    return build(plugin, plugin.options_type()(**options), **parts)


def speaker(draft: str, chain: list) -> Synthesizer:
    torch.manual_seed(3)
    sizes = {"d_model": D, "n_layers": 3, "n_heads": 2, "max_length": 200}
    backbone = part("arch", "llama", sizes, attention=part("attention", "sdpa", {}))
    pointer = part("alignment", "pointer", {}, d_model=D, symbols=SYMBOLS, languages=2)
    with torch.no_grad():
        pointer.advance.weight.normal_(std=0.3)
        pointer.advance.bias.fill_(-0.7)
    made = DraftHeads(HeadsOptions(), D) if draft == "heads" else LayerSkip(LayerSkipOptions(exit=2), 3)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=2, num_levels=1, codebook_size=32)
    model = CodecLM(backbone, vocabulary, ModelOptions(parts="ar"), alignment=pointer, draft=made).eval()
    components = SynthesisComponents(
        ar=model, nar=model, symbols=SymbolMap(SYMBOLS), languages=("xx", "yy"), codec=FakeCodec(),
        frontend=FakeFrontend(), task=part("task", "tts", {}), chain=SamplerChain(chain),
        nar_chain=SamplerChain([Greedy()]), observers=Observers(),
    )  # fmt: skip
    return Synthesizer(components)


def level0(synthesizer: Synthesizer, requests: list[Request], **changes):
    spoken = Synthesizer(replace(synthesizer.components, **changes))
    inputs = [spoken.prepare(request).inputs for request in requests]
    with torch.inference_mode():
        found, times, _ = spoken.level0(
            inputs, torch.cat([row_seeds(request.seed, [0], device="cpu") for request in requests]), requests
        )
    return [row.tolist() for row in found.tokens], [when.tolist() for when in times], found.steps


ASKED = [Request(text="ab", language="yy", seed=5), Request(text="hg fe", language="xx", seed=3)]


@pytest.mark.parametrize(("draft", "chain"), [("heads", []), ("layer-skip", [Greedy()])])
def test_codes_and_times_are_those_of_one_frame_a_step(draft, chain):
    synthesizer = speaker(draft, chain)
    for requests in (ASKED[:1], ASKED):
        codes, times, steps = level0(synthesizer, requests)
        again = level0(synthesizer, requests, drafts=-1)
        assert again[:2] == (codes, times)
        assert again[2] <= steps
    alone = level0(synthesizer, ASKED[1:], drafts=2)[0]
    assert alone == codes[1:]


def test_unchecked_drafts_take_a_step_for_several_frames():
    codes, _, steps = level0(speaker("heads", []), ASKED[1:], unchecked=True, drafts=3)
    assert len(codes[0]) > 4
    assert steps == len(codes[0]) // 4


def test_an_engine_says_the_same():
    synthesizer = Synthesizer(replace(speaker("heads", []).components, drafts=2))
    engine = Engine(synthesizer)
    for request in ASKED:
        engine.submit(request)
    said = {}
    while not engine.idle:
        said |= {event.ticket: event.tokens.tolist() for event in engine.step() if hasattr(event, "tokens")}
    codes = [level0(synthesizer, [request])[0][0] for request in ASKED]
    assert [codes[row][: len(said[row])] for row in said] == [said[row] for row in said]


def test_unchecked_without_drafts_is_refused():
    with pytest.raises(UserError, match="leave --unchecked out, or add --drafts 1 to a model trained with"):
        SynthesisOptions(unchecked=True)
    with pytest.raises(UserError, match=r"drafts must be in \[-1, 64\], got 65"):
        SynthesisOptions(drafts=65)
    assert SynthesisOptions(unchecked=True, drafts=1).unchecked


def test_frames_that_are_filled_at_once_have_no_drafts():
    with pytest.raises(UserError, match=r"fills all frames at once.*leave --drafts out"):
        fill_level0(replace(speaker("heads", []).components, drafts=1), [], [], [], torch.zeros(0))
