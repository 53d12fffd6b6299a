"""Streaming: level 0 is that of the whole, chunks leave while it is being drawn, closing the iterator ends it."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from valle_core.config.schema import Resolved
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers, hookimpl
from valle_core.registry.registry import Registry
from valle_core.synthesis.options import SynthesisOptions
from valle_core.synthesis.request import Request
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit import onednn
from valle_kit.opened import ready
from valle_kit.streaming import Windowing, stream
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.speaking import Greedy, part, synthesizer_of

SMALL = Windowing(first=0.1, step=0.2, ahead=0.04, before=0.2)


def make(model, chooser=None, observers: Observers | None = None) -> Synthesizer:
    return synthesizer_of(
        model.model, symbols=model.manifest.symbols, languages=model.manifest.languages, task=part("task", "tts"),
        chain=[chooser or Greedy()], observers=observers or Observers(),
    )  # fmt: skip


@pytest.fixture
def request_of(tones):
    id = tones.dataset.ids[0]
    others = tones.dataset.other(tones.dataset.row(id).speaker, id)
    prompt = torch.cat([tones.dataset.codes(other) for other in others])
    text = (tones.wav / f"{id}.txt").read_text().strip()
    return Request(text=text, prompt=prompt, max_seconds=3, seed=3)


def one_level(synthesizer: Synthesizer) -> Synthesizer:
    """Only level 0 is decoded: what a codec that looks at one frame makes of it, windows cannot change."""
    components = synthesizer.components
    level0 = CodecLM(FakeBackbone(), replace(components.ar.vocabulary, num_levels=1), ModelOptions(parts="ar"))
    return Synthesizer(replace(components, nar=level0.eval()))


def test_chunks_joined_are_the_whole_where_windows_see_what_the_whole_sees(tone_model, request_of):
    for synthesizer, windowing in ((one_level(make(tone_model)), SMALL), (make(tone_model), Windowing(first=60))):
        (whole,) = synthesizer([request_of])
        chunks = list(stream(synthesizer, request_of, windowing))
        torch.testing.assert_close(torch.cat([chunk.wav for chunk in chunks]), whole.wav, atol=1e-5, rtol=0)
        assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert chunks[-1].frames == len(whole.codes)


def test_chunks_are_where_the_windowing_says(tone_model, request_of):
    synthesizer = make(tone_model)
    (whole,) = synthesizer([request_of])
    chunks, again = (list(stream(synthesizer, request_of, SMALL)) for _ in range(2))
    starts = [round(chunk.start * 50) for chunk in chunks]
    assert starts[:3] == [0, 5, 15]
    assert sum(len(chunk.wav) for chunk in chunks) == len(whole.wav)
    for one, other in zip(chunks, again, strict=True):
        assert torch.equal(one.wav, other.wav)


def test_the_first_chunk_leaves_before_the_last_token_is_drawn(tone_model, request_of):
    left = threading.Event()

    class Waiting:
        """Draws the 20th token only when a chunk has left."""

        def choose(self, logits, view):
            if view.history.shape[1] == 20:
                assert left.wait(30), "no chunk left before the 20th token"
            return logits.argmax(-1)

    (whole,) = make(tone_model)([request_of])
    assert len(whole.codes) > 20
    chunks = []
    for chunk in stream(make(tone_model, Waiting()), request_of, SMALL):
        left.set()
        chunks.append(chunk)
    assert len(torch.cat([chunk.wav for chunk in chunks])) == len(whole.wav)


def test_who_leaves_ends_the_drawing(tone_model, request_of):
    chunks = stream(make(tone_model), replace(request_of, max_seconds=60), SMALL)
    next(chunks)
    chunks.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "valle-level-0"]


def test_each_chunk_passes_the_after_audio_hook(tone_model, request_of):
    class Silence:
        @hookimpl
        def after_audio(self, wav, sample_rate, facts):
            return wav * 0

    observers = Observers()
    observers.add("silence", Silence())
    chunks = list(stream(make(tone_model, observers=observers), request_of, SMALL))
    assert len(chunks) > 2
    assert not any(chunk.wav.any() for chunk in chunks)


def test_a_task_with_a_source_is_finished_as_a_whole(tone_model, request_of):
    class Framed:
        """Puts the answer behind its source, as editing does."""

        def __init__(self, task):
            self._task = task

        def __getattr__(self, name):
            return getattr(self._task, name)

        def finish(self, inputs, output):
            return torch.cat([inputs.source[:, : output.shape[1]].to(output), output])

    usual = make(tone_model)
    components = replace(
        usual.components, task=Framed(usual.components.task), takes=frozenset({"text", "source", "prompt"})
    )
    synthesizer, request = Synthesizer(components), replace(request_of, source=request_of.prompt[:20])
    (whole,) = synthesizer([request])
    (chunk,) = stream(synthesizer, request, SMALL)
    assert torch.equal(chunk.wav, whole.wav)
    assert chunk.last


def test_a_task_that_writes_is_refused(tone_model, request_of):
    class Writes:
        output = "letters"

    usual = make(tone_model)
    writing = Synthesizer(replace(usual.components, task=Writes(), task_name="stt"))
    with pytest.raises(UserError, match="task 'stt' gives no speech"):
        next(stream(writing, request_of))


def test_an_opened_synthesizer_speaks_by_the_faster_layers(tone_model, monkeypatch):
    monkeypatch.setattr(onednn, "pays", lambda: True)
    usual, model = make(tone_model), copy.deepcopy(tone_model.model)
    opened = ready(
        Synthesizer(replace(usual.components, ar=model, nar=model)),
        Resolved(parts={}, sections={"synthesis": SynthesisOptions()}),
        Registry.open(),
    )
    layers = [layer for layer in opened.components.ar.modules() if isinstance(layer, nn.Linear)]
    assert layers
    assert {type(layer) for layer in layers} == {onednn.OneDnnLinear}


def test_what_cannot_be_said_is_refused(tone_model, request_of):
    with pytest.raises(UserError, match="has no words"):
        next(stream(make(tone_model), replace(request_of, text="?!")))
    with pytest.raises(UserError, match="the window's step must be in"):
        Windowing(step=0.0)
