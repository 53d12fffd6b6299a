"""A small Whisper that recognizes digits of voices it was not trained on (`benchmarks/studies/tiny_whisper.py`)."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from valle_whisper.options import WhisperOptions
from valle_whisper.plugin import SPEC
from valle_whisper.recognizer import WhisperRecognizer, build

from valle_testing import suite
from valle_testing.suites.recognizer.speech import Clip

FOLDER = Path(__file__).parent / "digits"
CPU = torch.device("cpu")
ROOT = Path(__file__).parents[3]


@functools.cache
def trained() -> WhisperRecognizer:
    return build(WhisperOptions(weights=str(FOLDER)), device=CPU)


def clips() -> list[tuple[Clip, list[tuple[float, float]]]]:
    """Speech, and when each word is said."""
    found = []
    for name, text, times in json.loads((FOLDER / "clips.json").read_text(encoding="utf-8")):
        wav, rate = soundfile.read(FOLDER / name, dtype="float32")
        found.append((Clip(wav=wav, sample_rate=rate, text=text, language="en"), times))
    return found


SPOKEN = [clip for clip, _ in clips()]

test_it_conforms_on_speech = suite.conformance(
    "recognizer", lambda: build(WhisperOptions(weights=str(FOLDER)), device=CPU), spec=SPEC, clips=SPOKEN
)


def transcribed(wav: np.ndarray, language: str | None = None):
    one = trained()
    return one.transcribe(torch.from_numpy(wav)[None], torch.tensor([len(wav)]), languages=[language])[0]


@pytest.mark.parametrize("place", range(len(SPOKEN)), ids=[clip.text for clip in SPOKEN])
def test_what_is_said_is_written_with_its_language_and_times(place):
    clip, times = clips()[place]
    transcript = transcribed(clip.wav)
    assert transcript.text == clip.text
    assert transcript.language == "en"
    words = [word for segment in transcript.segments for word in segment.words]
    assert max(abs(word.start - start) for word, (start, _) in zip(words, times, strict=True)) < 0.2
    assert min(word.probability for word in words) > 0.3


@pytest.mark.parametrize("beams", [1, 3])
def test_a_known_text_is_placed_where_it_is_said_behind_a_silence(beams):
    one = build(WhisperOptions(weights=str(FOLDER), beams=beams), device=CPU)
    for clip, times in clips():
        wav = np.pad(clip.wav, (8000, 0))
        (found,) = one.align(torch.from_numpy(wav)[None], torch.tensor([len(wav)]), [clip.text], languages=["en-us"])
        starts = [abs(word.start - 0.5 - start) for word, (start, _) in zip(found, times, strict=True)]
        assert float(np.median(starts)) < 0.1
        assert max(starts) < 0.25


def test_both_sides_of_a_silence_are_heard_and_timed():
    (first, _), (second, times) = (clips()[place] for place in (0, 2))
    ahead = len(first.wav) + 20000
    transcript = transcribed(np.concatenate([first.wav, np.zeros(20000, dtype=np.float32), second.wav]), "en")
    assert [segment.text for segment in transcript.segments] == [first.text, second.text]
    assert transcript.segments[0].end < len(first.wav) / 16000 + 0.1
    for word, (start, _) in zip(transcript.segments[1].words, times, strict=True):
        assert word.start == pytest.approx(ahead / 16000 + start, abs=0.2)


@pytest.mark.slow
def test_the_study_trains_saves_and_judges(tmp_path):
    """Far too short to recognise anything; the losses fall, and the folder is one that the plugin takes."""
    command = [
        sys.executable,
        ROOT / "benchmarks/studies/tiny_whisper.py",
        "--work",
        tmp_path,
        "--out",
        tmp_path / "page.md",
    ]
    sizes = ["--steps", "150", "--utterances", "2", "--accents", "1", "--held-out", "1", "--minutes", "20"]
    subprocess.run([*map(str, command), *sizes], check=True)
    log = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))
    assert log[-1]["text"] < log[0]["text"] - 1
    assert "WER" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert build(WhisperOptions(weights=str(tmp_path / "model")), device=CPU).max_seconds == 4
