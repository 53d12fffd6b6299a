"""Tasks that work on a recording or answer in writing, with a model of random weights: lengths, joins, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.request import Request
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.written_answers import write
from valle_testing.fakes.audio import FakeCodec
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.speaking import SYMBOLS, part, synthesizer_of

CODES = torch.arange(40).view(10, 4) % 32


class Stops:
    """Always the stop token, unless it may not be."""

    def choose(self, logits, view):
        best = logits.argmax(-1)
        last = logits.shape[1] - 1
        return torch.where(logits[:, last].isneginf(), best, last)


def speaker(name: str, *, known: tuple[str, ...] | None = None) -> Synthesizer:
    torch.manual_seed(0)
    known = (name,) if known is None else known
    vocabulary = Vocabulary(
        symbols=len(SYMBOLS), languages=1, num_levels=2, codebook_size=32, tasks=max(1, len(known)), writes=True
    )
    model = CodecLM(FakeBackbone(d_model=16, n_layers=1), vocabulary, ModelOptions(), tasks=known).eval()
    takes = Registry.open().select("task", name).spec.capabilities
    return synthesizer_of(model, task=part("task", name), chain=[Stops()], takes=takes, task_name=name)


def asked(name: str, **more) -> Request:
    """What the task needs, and no more."""
    needs = {"tse": {"prompt": CODES}, "vc": {"prompt": CODES}, "cse": {"text": "abc", "span": (0.04, 0.1)}}
    return Request(**{"text": "", "source": CODES, **needs.get(name, {}), **more})


@pytest.mark.parametrize("name", ["ns", "sr", "tse", "vc"])
def test_an_answer_is_as_long_as_its_recording_though_the_model_would_stop(name):
    synthesizer = speaker(name)
    (speech,) = synthesizer([asked(name)])
    assert speech.codes.shape == (10, 2)
    assert speech.stopped
    assert len(speech.wav) == 10 * FakeCodec.hop
    assert speech.notes(asked(name)) == []
    longer = asked(name, source=torch.cat([CODES, CODES]), seed=3)
    together = synthesizer([longer, asked(name)])
    assert len(together[0].codes) == 20
    assert torch.equal(together[1].codes, speech.codes)


def test_an_edit_keeps_what_is_around_it_code_for_code():
    (speech,) = speaker("cse")([asked("cse")])
    assert torch.equal(speech.codes[:2], CODES[:2, :2])  # 0.04 s at 50 frames/s
    assert torch.equal(speech.codes[-5:], CODES[5:, :2])
    assert len(speech.codes) == 2 + 1 + 5  # an answer has one frame at least
    assert len(speech.wav) == len(speech.codes) * FakeCodec.hop


@pytest.mark.parametrize("span", [(-0.1, 0.1), (0.1, 0.05), (0.1, 0.21), (float("nan"), 0.1)])
def test_a_span_outside_of_the_recording_is_refused(span):
    with pytest.raises(UserError, match=r"the part to replace must be in \[0, 0.20\] s and in order, got"):
        speaker("cse")([asked("cse", span=span)])


def test_a_model_without_the_token_refuses_the_task():
    with pytest.raises(UserError, match="the model was not trained for the task 'ns'"):
        speaker("ns", known=("sr",))([asked("ns")])


def test_inputs_that_do_not_fit_are_refused_by_the_synthesizer_itself():
    with pytest.raises(UserError, match="task 'ns' needs a recording to work on"):
        speaker("ns")([Request(text="abc")])
    with pytest.raises(UserError, match="codes of the input must be"):
        speaker("ns")([asked("ns", source=torch.zeros(4, dtype=torch.long))])
    with pytest.raises(UserError, match="task 'stt' gives no speech"):
        speaker("stt")([asked("stt")])
    with pytest.raises(UserError, match="task 'ns' gives speech"):
        write(speaker("ns"), [asked("ns")])


def test_a_recording_longer_than_a_prompt_may_be_is_refused_and_named(tmp_path):
    from valle_core.audio.wav import write as write_wav

    write_wav(tmp_path / "silent.wav", torch.zeros(16_000).numpy(), 16_000)
    with pytest.raises(UserError, match=r"input '.*silent\.wav' is silent"):
        speaker("ns")([asked("ns", source=Path(tmp_path / "silent.wav"))])


def test_written_answers_are_read_as_what_they_are():
    (heard,) = write(speaker("stt"), [asked("stt")])
    assert (heard.output, heard.stopped, len(heard.tokens)) == ("symbols", True, 1)
    assert heard.tokens[0] in SYMBOLS
    (length,) = write(speaker("len"), [Request(text="abc")])
    assert length.output == "length"
    assert length.seconds == int(length.text) / FakeCodec.frame_rate
    (spelt,) = write(speaker("un-phn"), [Request(text="abc")])
    assert spelt.output == "letters"
    (read, again) = write(speaker("phn"), [Request(text="Abc!"), Request(text="é")])
    assert (read.output, again.output) == ("symbols", "symbols")
    assert write(speaker("stt"), []) == []


def test_a_written_answer_is_the_same_alone_and_in_a_batch():
    synthesizer = speaker("stt")
    (alone,) = write(synthesizer, [asked("stt")])
    batch = write(synthesizer, [asked("stt", source=CODES[:3]), asked("stt")])
    assert batch[1] == alone
