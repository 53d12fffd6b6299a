"""The spectrogram shows frequencies where they are."""

from __future__ import annotations

import math

import numpy as np

from valle_data.audio.spectrogram import draw, log_mel, mel_filters


def test_a_higher_tone_lies_in_a_higher_band():
    time = np.arange(16_000) / 16_000
    bands = [int(log_mel(np.sin(2 * math.pi * hertz * time), 16_000)[:, 50].argmax()) for hertz in (200, 1000, 4000)]
    assert bands == sorted(set(bands))
    centre = mel_filters(16_000, 1024, 80)[bands[1]].argmax() * 16_000 / 1024
    assert abs(centre - 1000) < 40


def test_a_picture_is_written_whole(tmp_path):
    draw(tmp_path / "a.png", {"one": np.zeros(3000), "two": np.random.default_rng(0).normal(size=8000)}, 16_000)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
