"""The suite of recognizers, and keys with known times."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from valle_core.plugin import UserError
from valle_testing import suite
from valle_testing.suites.recognizer.speech import Clip

from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC
from acme_package.recognizer import build
from acme_package.tones import HIGH, KEYS, LOW

RATE = 8000
CPU = torch.device("cpu")


def dialled(text: str, *, high: float = 1.0) -> np.ndarray:
    """Each key for 0.1 s after a silence of 0.1 s; `high` is the loudness of the upper tone against the lower."""
    time = np.arange(RATE // 10) / RATE
    pieces = []
    for word in text.split():
        row, column = divmod(KEYS.index(word), 4)
        tone = np.sin(2 * math.pi * LOW[row] * time) + high * np.sin(2 * math.pi * HIGH[column] * time)
        pieces += [np.zeros(len(time)), 0.25 * tone]
    return np.concatenate([*pieces, np.zeros(len(time))]).astype(np.float32)


def transcript_of(wav: np.ndarray):
    row = torch.from_numpy(wav)[None]
    recognizer = build(AcmeNameOptions(), device=CPU)
    return recognizer.transcribe(row, torch.tensor([row.shape[1]]), languages=["en"])[0]


CLIPS = [
    Clip(wav=dialled(text), sample_rate=RATE, text=text, language="en") for text in ("five zero nine", "one one star")
]

test_it_conforms = suite.conformance(
    "recognizer", lambda: build(AcmeNameOptions(), device=CPU), spec=SPEC, clips=CLIPS
)


def test_every_key_is_told_with_its_time():
    transcript = transcript_of(dialled(" ".join(KEYS)))
    words = [word for segment in transcript.segments for word in segment.words]
    assert [word.text for word in words] == list(KEYS)
    for index, word in enumerate(words):
        assert word.start == pytest.approx(0.1 + 0.2 * index, abs=0.02)
        assert word.end == pytest.approx(0.2 + 0.2 * index, abs=0.02)


def test_a_pause_begins_a_new_segment():
    pause = np.zeros(RATE, dtype=np.float32)
    transcript = transcript_of(np.concatenate([dialled("two six"), pause, dialled("eight")]))
    assert [segment.text for segment in transcript.segments] == ["two six", "eight"]


def test_one_tone_alone_noise_and_a_pair_of_unequal_loudness_are_no_keys():
    noise = 0.3 * np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    for wav in (dialled("five", high=0.0), noise, dialled("five", high=0.3)):
        assert transcript_of(wav).segments == ()


def test_a_word_that_was_not_dialled_is_named():
    wav = torch.from_numpy(dialled("five"))[None]
    with pytest.raises(UserError, match=r"word 'six' of 'six' is not in the audio"):
        build(AcmeNameOptions(), device=CPU).align(wav, torch.tensor([wav.shape[1]]), ["six"], languages=["en"])


def test_an_impossible_length_is_refused():
    with pytest.raises(UserError, match=r"recognizer.shortest must be in \[0.02, 1.0\], got 0.0"):
        AcmeNameOptions(shortest=0.0)
