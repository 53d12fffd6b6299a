"""A speech: saved, drawn, played by a notebook, and said in one line."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import soundfile
import torch

import valle
from valle.speech import Speech
from valle_core.synthesis.request import Request
from valle_core.synthesis.request import Speech as Answer

WAV = torch.linspace(-1, 1, 800) * torch.sin(torch.arange(800) / 5)


def speech_of(text: str = "a <b> & c", **changes) -> Speech:
    answer = Answer(
        **{
            "wav": WAV,
            "sample_rate": 16_000,
            "codes": torch.zeros(2, 8, dtype=torch.long),
            "symbols": ("a", " ", "b", "c"),
            "stopped": True,
            "unknown": {},
            "times": (0.0, 0.01, 0.02, 0.03, 0.05),
            **changes,
        }
    )
    return Speech.of(answer, Request(text=text, seed=3), "en")


def test_it_holds_what_was_said_and_how():
    speech = speech_of()
    assert (speech.text, speech.language, speech.seed, speech.seconds) == ("a <b> & c", "en", 3, 0.05)
    assert (speech.samples.dtype, speech.samples.shape) == (np.float32, (800,))
    assert np.array_equal(speech.samples, WAV.numpy())
    assert [(word.symbols, word.start, word.end) for word in speech.words] == [("a", 0.0, 0.01), ("bc", 0.02, 0.05)]
    assert speech_of(times=()).words == []
    assert speech_of(wav=WAV.double()).samples.dtype == np.float32
    assert repr(speech) == "Speech('a <b> & c', 0.05 s at 16000 Hz)"


def test_what_a_listener_should_know_stands_in_it():
    speech = speech_of(stopped=False, unknown={"x": 2}, remarks=("the prompt was cut",))
    assert speech.warnings[0] == "the prompt was cut"
    assert speech.warnings[1:] == (
        "'a <b> & c' ran into its bound of 0.05 s and was cut off there",
        "'a <b> & c' has phonemes the model has never seen: 'x' × 2",
    )


def test_it_is_saved_by_the_ending(tmp_path):
    speech = speech_of()
    for name in ("a.wav", "a.flac", "a.ogg", "new/a.wav"):
        path = speech.save(str(tmp_path / name))
        assert path == tmp_path / name
        assert soundfile.info(path).samplerate == 16_000
    wav, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert np.abs(wav - speech.samples).max() < 1e-4
    assert speech.spectrogram(tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.mp3", "cannot write audio as 'a.mp3'. Choose one of .wav, .flac, .ogg"), ("", "the file must be a path")],
)
def test_another_ending_is_refused(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(valle.UserError) as refused:
        speech_of().save(name)
    assert message in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_plays_it_and_shows_its_text_and_warnings():
    html = speech_of(remarks=("the prompt is <long>",))._repr_html_()
    (encoded,) = re.findall(r'<audio controls [^>]*src="data:audio/wav;base64,([^"]+)"></audio>', html)
    wav, rate = soundfile.read(BytesIO(b64decode(encoded)), dtype="float32")
    assert rate == 16_000
    assert np.abs(wav - WAV.numpy()).max() < 1e-4
    assert html.count("a &lt;b&gt; &amp; c") == 2
    assert "warning: the prompt is &lt;long&gt;" in html
    assert "<b>" not in html
    assert re.findall(r"</?(\w+)", html) == [
        "figure",
        "figcaption",
        "figcaption",
        "audio",
        "audio",
        "div",
        "div",
        "figure",
    ]


def test_values_out_of_range_are_clipped_where_it_is_played():
    (encoded,) = re.findall(r"base64,([^\"]+)", speech_of(wav=torch.tensor([2.0, -2.0, 0.5]))._repr_html_())
    wav, _ = soundfile.read(BytesIO(b64decode(encoded)), dtype="float32")
    assert wav == pytest.approx([1, -1, 0.5], abs=1e-4)
