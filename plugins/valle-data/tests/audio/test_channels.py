"""Channels that are dead or cancel each other, samples beyond every scale, and clipping."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from valle_data.audio.channels import clipped_share
from valle_data.audio.reading import Clipped, OppositePhase, OutOfScale, read, read_sound
from valle_testing.fakes.audio import tone_speech

RATE = 16_000
VOICE = tone_speech("abcdefgh" * 3)
NOISE = np.random.default_rng(0).standard_normal(len(VOICE)).astype(np.float32) * 0.1


def stored(folder, *channels, subtype="FLOAT"):
    soundfile.write(folder / "a.wav", np.stack(channels, axis=1), RATE, subtype=subtype)
    return folder / "a.wav"


OPPOSITE = [(VOICE, -VOICE), (VOICE, -0.9 * VOICE), (VOICE + 0.2, -VOICE), (VOICE, -VOICE, 0 * VOICE)]
MANY = tuple(np.random.default_rng(1).standard_normal((16, 4000)) * 0.1)


@pytest.mark.parametrize("channels", OPPOSITE)
def test_channels_in_opposite_phase_are_refused(tmp_path, channels):
    with pytest.raises(OppositePhase, match=r"in opposite phase: their mean is [0-9]+ dB quieter"):
        read(stored(tmp_path, *channels))
    assert np.allclose(read(tmp_path / "a.wav", channels=(0,))[0], channels[0], atol=1e-6)


@pytest.mark.parametrize(
    "channels",
    [(VOICE, VOICE), (VOICE, NOISE), (VOICE, -VOICE, VOICE), (VOICE, 0.1 * NOISE), MANY],
)  # fmt: skip
def test_channels_that_have_little_in_common_are_averaged(tmp_path, channels):
    sound = read_sound(stored(tmp_path, *channels))
    assert np.allclose(sound.wav, np.mean(channels, axis=0), atol=1e-5)
    assert sound.dead == 0


@pytest.mark.parametrize("dead", [0 * VOICE, 1e-4 * NOISE, np.full_like(VOICE, 0.3)])
def test_a_dead_channel_does_not_make_the_others_quieter(tmp_path, dead):
    sound = read_sound(stored(tmp_path, dead, VOICE))
    assert np.allclose(sound.wav, VOICE, atol=1e-6)
    assert sound.dead == 1
    both = read_sound(stored(tmp_path, VOICE, dead, VOICE))
    assert np.allclose(both.wav, VOICE, atol=1e-6)
    silent = read_sound(stored(tmp_path, 0 * VOICE, 0 * VOICE))
    assert (silent.dead, float(np.abs(silent.wav).max())) == (0, 0.0)


@pytest.mark.parametrize("peak", [15_000.0, 8_000_000.0, 127.0])
def test_integers_in_a_file_of_floats_are_out_of_scale(tmp_path, peak):
    path = stored(tmp_path, VOICE / np.abs(VOICE).max() * peak)
    with pytest.raises(OutOfScale, match=r"has a peak of .*, more than 4 times full scale: integers"):
        read(path)
    loud = stored(tmp_path, VOICE / np.abs(VOICE).max() * 3.9)
    assert np.abs(read(loud)[0]).max() == pytest.approx(3.9)


@pytest.mark.parametrize(("gain", "least", "most"), [(1.0, 0, 0.04), (4.0, 0.2, 1), (100.0, 0.4, 1)])
def test_the_share_of_samples_cut_flat_tells_how_hard_it_was_driven(gain, least, most):
    wav = np.clip(VOICE / np.abs(VOICE).max() * gain, -1, 1)
    assert least <= clipped_share(wav) <= most
    assert clipped_share(np.float32(0.01) * np.sign(wav)) == 0.0


def test_what_is_clipped_is_refused_where_a_limit_is_given(tmp_path):
    path = stored(tmp_path, np.clip(100 * VOICE, -1, 1), subtype="PCM_16")
    assert len(read(path)[0])
    with pytest.raises(Clipped, match=r"is clipped: 0\.\d+ of it lies at its peak"):
        read_sound(path, max_clipped=0.2)
