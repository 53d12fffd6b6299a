"""ITU-R BS.1770-4 on signals whose loudness is known from the recommendation, and its gates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from valle_kit import loudness
from valle_kit.loudness import _HIGH_PASS, _SHELF, at_loudness, integrated_loudness, k_weighted, loudness_gain


def sine(hertz, decibels, seconds, rate):
    return (10 ** (decibels / 20) * np.sin(2 * math.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("decibels", [0.0, -20.0, -40.0])
def test_a_sine_of_997_hertz_is_three_decibels_below_its_peak(rate, decibels):
    assert integrated_loudness(sine(997, decibels, 3.0, rate), rate) == pytest.approx(decibels - 3.01, abs=0.01)


def test_filtering_by_the_spectrum_equals_the_recursion():
    rate, wav = 48_000, np.random.default_rng(0).standard_normal(3000)
    expected = wav
    for b, a in (_SHELF, _HIGH_PASS):
        out = np.zeros(len(expected))
        for n in range(len(expected)):
            out[n] = sum(b[k] * expected[n - k] for k in range(3) if n >= k)
            out[n] -= sum(a[k] * out[n - k] for k in (1, 2) if n >= k)
        expected = out
    assert np.abs(k_weighted(wav, rate) - expected).max() < 1e-9


def test_silence_and_the_much_quieter_parts_count_for_nothing():
    rate = 16_000
    loud, faint = sine(997, -20, 4.0, rate), sine(997, -45, 8.0, rate)
    alone = integrated_loudness(loud, rate)
    assert integrated_loudness(np.concatenate([loud, np.zeros(20 * rate, np.float32)]), rate) == pytest.approx(
        alone, abs=0.3
    )
    assert integrated_loudness(np.concatenate([loud, faint]), rate) == pytest.approx(alone, abs=0.3)
    assert integrated_loudness(np.zeros(rate, np.float32), rate) == -math.inf
    assert integrated_loudness(sine(997, -80, 2.0, rate), rate) == -math.inf
    assert integrated_loudness(np.zeros(0, np.float32), rate) == -math.inf


def test_less_than_a_block_is_one_block():
    assert integrated_loudness(sine(997, -20, 0.2, 16_000), 16_000) == pytest.approx(-23.01, abs=0.1)


def test_the_gain_stops_where_a_sample_would_clip():
    wav = sine(997, -20, 1.0, 16_000)
    gain, limited = loudness_gain(wav, 16_000, target=-30.0) or (0.0, True)
    assert (round(gain, 1), limited) == (-7.0, False)
    gain, limited = loudness_gain(wav, 16_000, target=0.0) or (0.0, False)
    assert (round(gain, 1), limited) == (20.0, True)
    assert loudness_gain(np.zeros(16_000, np.float32), 16_000, target=-23.0) is None


def test_sounds_come_to_the_loudness_that_was_asked_for_and_never_above_full_scale():
    wav = (0.01 * np.random.default_rng(0).standard_normal(3 * 16000)).astype(np.float32)
    louder = at_loudness(wav, 16000, target=-20.0)
    assert louder.dtype == np.float32
    assert integrated_loudness(louder, 16000) == pytest.approx(-20, abs=0.01)
    assert float(np.abs(at_loudness(wav, 16000, target=-1.0)).max()) == pytest.approx(1)
    assert not at_loudness(np.zeros(100, np.float32), 16000, target=-20.0).any()


@pytest.mark.parametrize("seconds", [4.0, 5.0, 5.01])
def test_long_sounds_are_weighted_in_segments_that_join(monkeypatch, seconds):
    wav = np.random.default_rng(0).standard_normal(round(seconds * 16000))
    whole = k_weighted(wav, 16000)
    monkeypatch.setattr(loudness, "SEGMENT_SECONDS", 2)
    # Below 48 kHz the filters' answer is not quite finite: what is left of it is 70 dB down.
    np.testing.assert_allclose(k_weighted(wav, 16000), whole, rtol=0, atol=1e-3)
