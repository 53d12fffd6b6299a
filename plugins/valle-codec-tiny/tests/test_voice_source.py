from __future__ import annotations

import math

import pytest
import torch
from valle_codec_tiny import codec
from valle_codec_tiny.features import HOP, WIDTH, features, pitch_of
from valle_codec_tiny.pitch import measure_pitch, steady
from valle_codec_tiny.source import pulse_spectra, pulses


def _voice(hertz: float, seconds: float = 0.5) -> torch.Tensor:
    time = torch.arange(int(16000 * seconds)) / 16000
    return 0.05 * torch.stack([(2 * math.pi * hertz * k * time).sin() / k for k in range(1, 10)]).sum(0)[None]


@pytest.mark.parametrize("hertz", [70.0, 123.4, 251.0, 480.0])
def test_the_pitch_of_a_voice_is_found_to_half_a_percent(hertz):
    pitch, voiced = measure_pitch(_voice(hertz), 160)
    middle = slice(10, 40)
    assert voiced[0, middle].all()
    assert (pitch[0, middle].exp2() / hertz - 1).abs().max() < 5e-3


@pytest.mark.parametrize("loudness", [0.0, 0.1])
def test_silence_and_noise_have_no_pitch(loudness):
    noise = loudness * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    assert measure_pitch(noise, 160)[1].mean() < 0.1


def test_a_slip_of_an_octave_is_mended_and_a_lone_voiced_moment_dropped():
    pitch = torch.full((1, 20), 7.0)
    pitch[0, 9] = 8.0
    voiced = torch.ones(1, 20, dtype=torch.bool)
    voiced[0, 12:] = False
    voiced[0, 18] = True
    fixed, kept = steady(pitch, voiced)
    assert fixed[0, 9] == 7.0
    assert kept[0].tolist() == [1.0] * 12 + [0.0] * 8


def test_the_features_carry_the_pitch():
    inputs = features(torch.nn.functional.pad(_voice(200.0), (0, 0)))
    assert inputs.shape == (1, 25, WIDTH)
    pitch, voiced = pitch_of(inputs)
    assert pitch.shape == (1, 50)
    assert (pitch[0, 20:30].exp2() - 200).abs().max() < 1
    assert voiced[0, 20:30].all()


def test_pulses_have_a_line_of_height_one_at_every_harmonic_and_nothing_between():
    sound, _ = pulses(torch.full((1, 40), math.log2(200.0)), None, 160)
    lines = pulse_spectra(torch.nn.functional.pad(sound, (240, 240)), 160)[0, 20].abs()
    assert lines[8:300:8].sub(1).abs().max() < 0.02
    assert lines[4:300:8].max() < 0.02
    assert lines[312:].max() < 0.02


def test_pulses_made_in_pieces_are_the_whole():
    pitch = 7 + torch.randn(2, 90, generator=torch.Generator().manual_seed(0)).cumsum(1) * 0.03
    whole, _ = pulses(pitch, None, 160)
    parts, state = [], None
    for chunk in pitch.split((1, 30, 7, 52), dim=1):
        sound, state = pulses(chunk, state, 160)
        parts.append(sound)
    assert (torch.cat(parts, dim=1) - whole).abs().max() < 1e-3 * whole.abs().max()


@pytest.mark.parametrize(("frames", "chunk"), [(1500, 37), (300, 1)])
def test_long_streams_stay_in_phase_with_the_whole(frames, chunk):
    the_codec = codec.build(codec.TinyOptions(), device=torch.device("cpu"))
    codes = torch.randint(0, 256, (1, frames, 8), generator=torch.Generator().manual_seed(0))
    whole, _ = the_codec.decode(codes, torch.tensor([frames]))
    stream = the_codec.stream()
    decoded = [stream.push(part) for part in codes.split(chunk, dim=1)]
    joined = torch.cat([*decoded, stream.flush()], dim=1)
    assert joined.shape == (1, frames * HOP)
    assert (joined - whole).abs().max().item() < 1e-4
