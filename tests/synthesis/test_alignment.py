"""A model with an alignment says what its rows, read as a whole with the times it gives, say is most likely."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor
from valle_samplers.beam import Beam

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.request import Request, Speech
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.mixed_rows import MixedRows
from valle_testing.fakes.speaking import Greedy, part, synthesizer_of

ARCHS = ("llama", "retnet", "mamba2")


SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefghˈː")


def model_of(arch: str, *, alignment: str = "pointer", silences: bool = False, **options) -> CodecLM:
    """A model with random weights, whose pointer goes on about every third frame."""
    torch.manual_seed(len(arch))
    attention = None if arch == "mamba2" else MixedRows(part("attention", "sdpa", {}), frozenset({"mixed"}))
    sizes = {"d_model": 32, "n_layers": 2} | ({} if arch == "mamba2" else {"n_heads": 2, "max_length": 800})
    if arch == "retnet":
        attention = None
        sizes = {"d_model": 32, "n_layers": 2, "n_heads": 2}
    backbone = part("arch", arch, sizes, attention=attention)
    pointer = None
    if alignment:
        pointer = part("alignment", alignment, {}, d_model=32, symbols=SYMBOLS, languages=2)
        with torch.no_grad():
            pointer.advance.weight.normal_(std=0.3)
            pointer.advance.bias.fill_(-0.7)
            if silences:
                pointer.dwells.texts.fill_(2)
                pointer.dwells.counts[-2:].fill_(2)
                pointer.dwells.frames[-2:].fill_(5)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=2, num_levels=2, codebook_size=32)
    return CodecLM(backbone, vocabulary, ModelOptions(**options), alignment=pointer).eval()


def make(ar: CodecLM, nar: CodecLM) -> Synthesizer:
    return synthesizer_of(ar, nar=nar, symbols=SYMBOLS, languages=("xx", "yy"), task=part("task", "tts"))


def requests(seconds: float = 3.0) -> list[Request]:
    prompts = [torch.randint(0, 32, (n, 4), generator=torch.Generator().manual_seed(n)) for n in (6, 1, 13)]
    return [
        Request(text="abc", prompt=prompts[0], language="yy", max_seconds=seconds),
        Request(text="hg fe dc", language="xx", max_seconds=seconds, seed=3),
        Request(text="d", prompt=prompts[1], language="xx", max_seconds=seconds),
        Request(text="aˈabːb ˈccd", prompt=prompts[2], language="yy", max_seconds=seconds),
    ]


def forward_of(synthesizer, request, speech: Speech, level: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of a row read as a whole, at the times of the speech, and what was said."""
    parts = synthesizer.components
    model = parts.nar if level else parts.ar
    times = torch.tensor(speech.times) * parts.codec.frame_rate
    inputs = replace(synthesizer.prepare(request).inputs, response=speech.codes, times=times)
    row = parts.task.compose(inputs, level, training=True)
    with torch.inference_mode():
        return model(pack([row], model.rules)).logits[level], row.target


@pytest.mark.parametrize("silences", [False, True])
@pytest.mark.parametrize("arch", ARCHS)
def test_decoding_with_a_cache_equals_the_forward_at_the_times_it_gives(arch, silences):
    asked = requests()
    synthesizer = make(model_of(arch, parts="ar", silences=silences), model_of("llama"))
    for request, speech in zip(asked, synthesizer(asked), strict=True):
        assert speech.stopped
        for level in range(2):
            logits, chosen = forward_of(synthesizer, request, speech, level)
            lost = logits.max(-1).values - logits.gather(1, chosen[:, None].long())[:, 0]
            assert lost.max() < 1e-4, (request, level, lost)


@pytest.mark.parametrize("arch", ARCHS)
def test_a_request_gives_the_same_codes_and_times_alone_and_in_any_batch(arch):
    asked = requests()
    synthesizer = make(model_of(arch, parts="ar", markers="sum"), model_of("llama"))
    together = synthesizer(asked)
    backwards = synthesizer(asked[::-1])[::-1]
    for request, speech, other in zip(asked, together, backwards, strict=True):
        (alone,) = synthesizer([request])
        assert torch.equal(alone.codes, speech.codes)
        assert torch.equal(other.codes, speech.codes)
        assert alone.times == speech.times == other.times


def test_every_phoneme_is_said_once_in_order_and_the_row_ends_behind_the_last():
    asked = requests()
    synthesizer = make(model_of("llama"), model_of("llama"))
    for speech in synthesizer(asked):
        frames = [time * synthesizer.components.codec.frame_rate for time in speech.times]
        assert speech.stopped
        begins = [at for at, symbol in zip(frames, speech.symbols, strict=False) if symbol not in " ːˈ"]
        assert all(later - earlier > 0.5 for earlier, later in zip(begins, [*begins[1:], frames[-1]], strict=True))
        assert round(frames[-1]) == len(speech.codes)
        chosen = [word.symbols for word in speech.words]
        assert chosen == "".join(speech.symbols).split()
        assert all(word.start < word.end for word in speech.words)


def test_a_row_at_its_bound_is_cut_and_its_other_levels_keep_the_times_of_what_was_said():
    asked = requests(0.1)[3:]
    synthesizer = make(model_of("llama"), model_of("llama"))
    (speech,) = synthesizer(asked)
    assert not speech.stopped
    assert speech.times[-1] == pytest.approx(0.1)
    logits, chosen = forward_of(synthesizer, asked[0], speech, 1)
    assert torch.equal(logits.argmax(-1), chosen.long())


def test_speed_and_steady_durations():
    asked = [replace(request, max_seconds=9.0, text="abcdefgh abcdefgh") for request in requests()]
    model = model_of("llama")
    lengths = {}
    for speed in (0.5, 1.0, 2.0):
        synthesizer = make(model, model)
        synthesizer.components = replace(synthesizer.components, speed=speed)
        lengths[speed] = sum(len(speech.codes) for speech in synthesizer(asked))
    assert lengths[0.5] > lengths[1.0] > lengths[2.0]
    synthesizer.components = replace(synthesizer.components, steady=True)
    one, two = (synthesizer([replace(asked[0], seed=seed)])[0] for seed in (1, 2))
    assert one.times == two.times


def test_other_levels_without_times_are_refused():
    ar, nar = model_of("llama", alignment=""), model_of("llama")
    with pytest.raises(UserError, match="alignment"):
        make(ar, nar)(requests()[:1])


def test_a_beam_of_one_says_what_greedy_decoding_says_with_its_times() -> None:
    asked = requests()
    synthesizer = make(model_of("llama", parts="ar"), model_of("llama"))
    greedy = synthesizer(asked)
    synthesizer.components = replace(synthesizer.components, chain=SamplerChain([Beam(width=1, alpha=0.0)]))
    for speech, other in zip(synthesizer(asked), greedy, strict=True):
        assert torch.equal(speech.codes, other.codes)
        assert speech.times == other.times
        assert speech.stopped == other.stopped


@dataclass(frozen=True)
class Said:
    """Chooses given tokens, then whatever is open."""

    rows: list[list[int]]

    def choose(self, logits: Tensor, view) -> Tensor:
        at = view.history.shape[1]
        best = logits.argmax(-1)
        if len(logits) == len(self.rows):
            wanted = [row[at] if at < len(row) else int(other) for row, other in zip(self.rows, best, strict=True)]
            return torch.tensor(wanted)
        return best


@pytest.mark.parametrize("arch", ["llama", "mamba2"])
def test_an_answer_that_was_searched_has_the_times_it_would_have_alone(arch: str) -> None:
    asked = requests()
    synthesizer = make(model_of(arch, parts="ar"), model_of("llama"))
    plain = synthesizer.components
    synthesizer.components = replace(plain, chain=SamplerChain([Beam(width=5)]))
    found = synthesizer(asked)
    for request, speech in zip(asked, found, strict=True):
        assert speech.stopped
        synthesizer.components = replace(plain, chain=SamplerChain([Said([speech.codes[:, 0].tolist()])]))
        (alone,) = synthesizer([request])
        assert torch.equal(alone.codes, speech.codes)
        assert alone.times == speech.times


def test_a_wider_beam_finds_a_likelier_answer_at_the_same_bound() -> None:
    asked = [replace(request, max_seconds=0.16) for request in requests()[3:]]
    synthesizer = make(model_of("llama", parts="ar"), model_of("llama"))
    scores = []
    for chain in ([Greedy()], [Beam(width=16, alpha=0.0)]):
        synthesizer.components = replace(synthesizer.components, chain=SamplerChain(chain))
        (speech,) = synthesizer(asked)
        logits, chosen = forward_of(synthesizer, asked[0], speech, 0)
        logs = logits[:, :-1].double().log_softmax(-1).gather(1, chosen[:, None].long())
        scores.append(float(logs[: len(speech.codes)].sum()))
    assert scores[1] > scores[0]
