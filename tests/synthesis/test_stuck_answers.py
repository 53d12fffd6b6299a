"""A model that never ends is ended, and says so; what cannot be combined is refused before a model is looked at."""

from __future__ import annotations

import math

import pytest
import torch

from valle_core.assemble.part import build
from valle_core.config.resolve import resolve
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.open import open_synthesizer
from valle_core.synthesis.options import SYNTHESIS_SCHEMA, SynthesisOptions
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.safeguards import Safeguards
from valle_kit.streaming import Windowing, stream
from valle_testing.fakes.audio import FakeCodec
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.speaking import SYMBOLS, part, synthesizer_of

RATE = FakeCodec().frame_rate


class Cycle:
    """0 … 19 at random, as one babbles; from a frame on the same three tokens for ever. It ends only if it must."""

    def __init__(self, start: int) -> None:
        self.start = start

    def choose(self, logits, view):
        step = view.lengths
        token = torch.where(step < self.start, (view.uniform() * 20).long(), 20 + step % 3)
        return torch.where(logits.gather(1, token[:, None]).squeeze(1).isneginf(), view.stop, token)


def speaker(sampler, **options) -> Synthesizer:
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=1, num_levels=2, codebook_size=32)
    model = CodecLM(FakeBackbone(d_model=16, n_layers=1), vocabulary, ModelOptions()).eval()
    codec = FakeCodec()
    chosen = SynthesisOptions(model="x", **options)
    return synthesizer_of(
        model, codec=codec, task=part("task", "tts"), chain=[sampler], nar_chain=[], max_context=chosen.max_context,
        safeguards=Safeguards.of(codec, chosen, device=torch.device("cpu")),
    )  # fmt: skip


def test_an_answer_that_repeats_itself_is_ended_with_a_note():
    synthesizer = speaker(Cycle(40), stuck_seconds=0.5)
    (speech,) = synthesizer([Request(text="abc", max_seconds=3.0)])
    assert speech.stopped
    (note,) = speech.notes(Request(text="abc"))
    assert note.startswith("'abc' repeated itself from 0.")
    assert 40 <= len(speech.codes) <= 46, "of the loop a turn is kept"
    assert len(speech.wav) == len(speech.codes) * FakeCodec().hop
    together = synthesizer([Request(text="de fg", max_seconds=3.0, seed=4), Request(text="abc", max_seconds=3.0)])
    assert torch.equal(together[1].codes, speech.codes)


def test_a_stream_ends_where_more_has_left_than_the_answer_keeps():
    synthesizer, request = speaker(Cycle(40), stuck_seconds=0.5), Request(text="abc", max_seconds=3.0)
    (whole,) = synthesizer([request])
    chunks = list(stream(synthesizer, request, Windowing(first=0.1, step=0.2, ahead=0.04, before=0.1)))
    assert sum(len(chunk.wav) for chunk in chunks) > len(whole.wav)
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_an_answer_is_bounded_by_its_phonemes_and_by_what_was_asked_for():
    synthesizer = speaker(Cycle(10_000), phoneme_seconds=0.1)
    short, longer = synthesizer([Request(text="abc", max_seconds=9.0), Request(text="abc de", max_seconds=1.1)])
    assert len(short.codes) == math.ceil((1 + 3 * 0.1) * RATE)
    assert len(longer.codes) == round(1.1 * RATE)
    assert not short.stopped
    assert "ran into its bound of 1.30 s" in short.notes(Request(text="abc"))[0]


def test_without_safeguards_it_goes_on_to_the_bound_that_was_asked_for():
    (speech,) = speaker(Cycle(5), stuck_seconds=0, phoneme_seconds=0)([Request(text="a", max_seconds=4.0)])
    assert len(speech.codes) == round(4.0 * RATE)
    assert speech.remarks == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_context": 1}, r"max_context must be 0 or in \[2, 1000000\], got 1"),
        ({"phoneme_seconds": 0.01}, r"phoneme_seconds must be 0 or in \[0.05, 60\], got 0.01"),
        ({"stuck_seconds": -1.0}, r"stuck_seconds must be 0 or in \[0.5, 60\], got -1"),
        ({"stuck_seconds": math.nan}, r"stuck_seconds must be 0 or in \[0.5, 60\], got nan"),
    ],
)
def test_an_option_out_of_range_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        SynthesisOptions(model="x", **options)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([("sampler", "beam"), ("sampler", "mirostat")], "sampler beam looks for the whole answer, so mirostat cannot"),
        ([("sampler", "beam"), ("sampler", "sample")], "sampler beam looks for the whole answer, so sample cannot"),
        ([("sampler", "mirostat_v2"), ("sampler", "greedy")], "sampler mirostat_v2 picks the token, so greedy cannot"),
        ([("nar_sampler", "beam")], "sampler beam looks for whole answers, and levels ≥ 1 are chosen frame by frame"),
        ([("sampler", "dry"), ("sampler.base", "0.5")], r"^--sampler\.base must be in \[1, 10\], got 0\.5$"),
    ],
)
def test_samplers_that_cannot_be_meant_are_refused_before_a_model_is_looked_at(flags, message, tmp_path):
    registry = Registry.open()
    with pytest.raises(UserError, match=message):
        open_synthesizer(
            resolve(SYNTHESIS_SCHEMA, registry, flags=[("model", str(tmp_path / "nothing")), *flags]),
            registry,
            Observers(),
        )


def test_a_chain_of_penalties_and_a_temperature_acts_in_the_written_order():
    registry = Registry.open()

    def chain(*parts):
        return SamplerChain([
            build(plugin, plugin.options_type()(**options))
            for plugin, options in ((registry.select("sampler", name), options) for name, options in parts)
        ])  # fmt: skip

    from valle_core.synthesis.sampling.view import View

    view = View(seeds=torch.zeros(1, dtype=torch.long), capacity=4, stop=None)
    for token in (1, 1, 1):
        view.append(torch.tensor([token]))
    logits = torch.tensor([[4.0, 6.0, -2.0]])
    dry, hot = ("dry", {"multiplier": 1.0, "base": 2.0, "allowed_length": 1}), ("temperature", {"t": 2.0})
    again = ("repetition_penalty", {"penalty": 2.0})
    # The row ends in 1 1, which 1 followed once: dry takes 1 · 2^(2 − 1) = 2 from token 1; the penalty halves it.
    assert chain(dry, again, hot).process(logits, view).tolist() == [[2.0, 1.0, -1.0]]
    assert chain(again, dry, hot).process(logits, view).tolist() == [[2.0, 0.5, -1.0]]
    assert chain(hot, dry, again).process(logits, view).tolist() == [[2.0, 0.5, -1.0]]
    assert chain(hot, again, dry).process(logits, view).tolist() == [[2.0, -0.5, -1.0]]
