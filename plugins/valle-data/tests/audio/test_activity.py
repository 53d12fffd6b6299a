"""Which frames hold sound, at any rate and length."""

from __future__ import annotations

import numpy as np
import pytest

from valle_data.audio.activity import speech_frames, speech_span


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_a_burst_is_found_where_it_is(rate):
    wav = np.zeros(2 * rate, np.float32)
    wav[rate // 2 : rate] = np.sin(np.arange(rate - rate // 2) / 5).astype(np.float32)
    active = speech_frames(wav, rate)
    assert len(active) == 200
    assert np.flatnonzero(active)[[0, -1]].tolist() == [50, 99]
    first, last = speech_span(active, len(wav), rate, keep=0.1)
    assert (first / rate, last / rate) == (pytest.approx(0.4, abs=1e-3), pytest.approx(1.1, abs=1e-3))


def test_silence_nothing_and_less_than_a_frame_are_no_sound_or_all_of_it():
    assert not speech_frames(np.zeros(16_000, np.float32), 16_000).any()
    assert len(speech_frames(np.zeros(0, np.float32), 16_000)) == 0
    assert speech_span(np.zeros(100, bool), 16_000, 16_000, keep=0.1) == (0, 16_000)
    few = np.sin(np.arange(100)).astype(np.float32)
    assert speech_frames(few, 16_000).tolist() == [True]


def test_a_click_is_no_sound_and_a_constant_offset_neither():
    wav = np.zeros(16_000, np.float32)
    wav[8000:8010] = 1.0
    assert not speech_frames(wav, 16_000).any()
    assert not speech_frames(np.full(16_000, 0.3, np.float32), 16_000).any()
