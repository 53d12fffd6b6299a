"""Levels over active samples, and sums at a ratio."""

from __future__ import annotations

import math

import pytest
import torch

from valle_data.audio.levels import PEAK, active_level, active_samples, mix_waves

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.2) -> torch.Tensor:
    return amplitude * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)


def ratio(signal: torch.Tensor, rest: torch.Tensor) -> float:
    return 20 * math.log10(active_level(signal, RATE) / active_level(rest, RATE))


def test_pauses_do_not_make_a_sound_quieter():
    speech = torch.cat([tone(300), torch.zeros(3 * RATE), tone(300)])
    assert active_level(speech, RATE) == pytest.approx(0.2 / math.sqrt(2), rel=1e-3)
    assert int(active_samples(speech, RATE).sum()) == 2 * RATE


def test_forty_decibels_below_the_loudest_frame_is_the_bound():
    quiet = [tone(300, 0.1, 0.2 * 10 ** (-below / 20)) for below in (39, 41)]
    sound = torch.cat([tone(300, 0.1), *quiet])
    active = active_samples(sound, RATE).view(3, -1).all(1)
    assert active.tolist() == [True, True, False]


def test_silence_and_nothing_have_no_level():
    assert active_level(torch.zeros(100), RATE) == 0
    assert active_level(torch.zeros(0), RATE) == 0
    assert not active_samples(torch.zeros(100), RATE).any()


def test_a_last_short_frame_counts_by_its_own_length():
    assert active_samples(torch.full((330,), 0.5), RATE).all()


@pytest.mark.parametrize("db", [-20.0, -5.0, 0.0, 3.5, 20.0])
def test_the_ratio_is_exact(db):
    a, b = tone(300, amplitude=0.02), tone(1000, amplitude=0.3)
    mixed = mix_waves(a, b, db, RATE)
    scaled = a * (mixed[::1] @ a / (a @ a))  # the tones are orthogonal, so this is a's part whatever the guard did
    assert ratio(scaled, mixed - scaled) == pytest.approx(db, abs=1e-3)


def test_a_stays_as_loud_as_it_is():
    a, b = tone(300, amplitude=0.02), tone(1000)
    mixed = mix_waves(a, b, 10.0, RATE)
    assert float(mixed @ a / (a @ a)) == pytest.approx(1, abs=1e-4)


def test_a_sum_that_would_clip_is_scaled_and_keeps_its_ratio():
    a, b = tone(300, amplitude=0.9), tone(1000, amplitude=0.9)
    mixed = mix_waves(a, b, 0.0, RATE)
    assert float(mixed.abs().max()) == pytest.approx(PEAK, abs=1e-6)
    scaled = a * (mixed @ a / (a @ a))
    assert ratio(scaled, mixed - scaled) == pytest.approx(0, abs=1e-3)


def test_b_is_repeated_or_cut_to_the_length_of_a():
    a, b = tone(300), torch.tensor([0.1, -0.2, 0.3])
    mixed = mix_waves(a, b, 0.0, RATE) - a
    assert len(mixed) == len(a)
    torch.testing.assert_close(mixed[:-3], mixed[3:], atol=1e-6, rtol=0)
    long = mix_waves(a[:100], tone(1000), 0.0, RATE)
    assert len(long) == 100


def test_silence_on_either_side_gives_a():
    a = tone(300)
    assert torch.equal(mix_waves(a, torch.zeros(50), 0.0, RATE), a)
    assert torch.equal(mix_waves(a, torch.zeros(0), 0.0, RATE), a)
    assert torch.equal(mix_waves(torch.zeros(50), a, 0.0, RATE), torch.zeros(50))
    assert mix_waves(torch.zeros(0), a, 0.0, RATE).shape == (0,)
