"""Windows of noise: drawn by length, repeated where short, and never of another codec."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset, refuse_noise
from valle_core.data.pool import TrainingPool
from valle_core.plugin import UserError
from valle_data.made_dataset import MADE, made_records, write_dataset
from valle_data.mixing.noise_set import NoiseSet, open_noise
from valle_data.preparation.noise import prepare_noise
from valle_data.preparation.noise_options import NoiseOptions
from valle_testing.fakes.audio import FakeCodec

SECONDS = {"fan/a": 1.0, "fan/b": 3.0, "rain/c": 4.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("noise")
    for number, (id, seconds) in enumerate(SECONDS.items()):
        wav = 0.1 * np.random.default_rng(number).standard_normal(round(16_000 * seconds))
        write(root / "wav" / f"{id}.wav", wav.astype(np.float32), 16_000)
    prepare_noise(NoiseOptions(source=root / "wav", out=root / "set"), codec=FakeCodec())
    return root / "set"


@pytest.fixture
def noise(folder):
    return open_noise(folder, FakeCodec().identity, folder)


def owner(noise: NoiseSet, window: torch.Tensor) -> tuple[str, int]:
    """The recording a window is of, and where it starts."""
    for id in noise.dataset.ids:
        codes = noise.dataset.codes(id)
        for start in range(len(codes)):
            if torch.equal(codes[(start + torch.arange(len(window))) % len(codes)], window):
                return id, start
    raise AssertionError("of no recording")


def test_equal_random_states_give_equal_windows(noise, folder):
    other = open_noise(folder, FakeCodec().identity, folder)
    windows = [noise.noise(70, Random(seed)) for seed in range(20)]
    assert all(torch.equal(other.noise(70, Random(seed)), window) for seed, window in enumerate(windows))
    assert len({window.numpy().tobytes() for window in windows}) > 15


def test_recordings_are_drawn_as_often_as_they_are_long(noise):
    rng = Random(0)
    count = 1200
    windows = {}
    for id in SECONDS:
        codes = noise.dataset.codes(id)
        windows |= {codes[at : at + 10].numpy().tobytes(): (id, at) for at in range(len(codes) - 9)}
    drawn = [windows[noise.noise(10, rng).numpy().tobytes()] for _ in range(count)]
    for id, seconds in SECONDS.items():
        share = sum(one == id for one, _ in drawn) / count
        assert share == pytest.approx(seconds / 8, abs=0.05)
    starts = [start for one, start in drawn if one == "rain/c"]
    assert (min(starts), max(starts)) == (0, 190)
    assert np.mean(starts) == pytest.approx(95, abs=8)


@pytest.mark.parametrize("frames", [1, 49, 50, 51, 200, 201, 1000])
def test_any_number_of_frames_is_given_and_short_recordings_are_repeated(noise, frames):
    for seed in range(5):
        window = noise.noise(frames, Random(seed))
        assert window.shape == (frames, 4)
        assert window.dtype == torch.long
        owner(noise, window)


def test_a_label_confines_the_draw(noise):
    assert noise.labels == ("fan", "rain")
    rng = Random(0)
    assert {owner(noise, noise.noise(10, rng, label="fan"))[0] for _ in range(40)} == {"fan/a", "fan/b"}
    with pytest.raises(UserError, match=r"labelled 'tram'. It has fan, rain"):
        noise.noise(10, rng, label="tram")


def test_no_frames_are_refused(noise):
    with pytest.raises(UserError, match=r"frames of noise must be at least 1, got 0"):
        noise.noise(0, Random(0))


def test_writing_into_a_window_changes_no_later_one(noise):
    first = noise.noise(30, Random(3))
    kept = first.clone()
    first.zero_()
    assert torch.equal(noise.noise(30, Random(3)), kept)


def test_noise_of_another_codec_is_refused_and_both_are_named(folder, tmp_path):
    write_dataset(tmp_path / "data", list(made_records(3)))
    with pytest.raises(UserError, match=r"'made'.*'fake'|'fake'.*'made'") as error:
        open_noise(folder, MADE, tmp_path / "data")
    assert str(folder) in str(error.value)
    assert str(tmp_path / "data") in str(error.value)


def test_speech_is_no_noise_and_noise_is_no_speech(folder, tmp_path):
    write_dataset(tmp_path / "data", list(made_records(3)))
    with pytest.raises(UserError, match="is a dataset of speech, not of noise"):
        open_noise(tmp_path / "data", MADE, tmp_path / "data")
    with pytest.raises(UserError, match="holds noise without text"):
        refuse_noise(open_dataset(folder))
    refuse_noise(open_dataset(tmp_path / "data"))
    with pytest.raises(UserError, match="valle prepare-noise"):
        open_noise(tmp_path / "nowhere", MADE, tmp_path / "data")


def test_a_pool_without_noise_says_how_to_make_it(tmp_path):
    write_dataset(tmp_path / "data", list(made_records(3)))
    pool = TrainingPool(open_dataset(tmp_path / "data"))
    with pytest.raises(UserError, match=r"valle prepare-noise.*--data\.noise"):
        pool.noise(10, Random(0))
    with pytest.raises(UserError, match="without a codec"):
        pool.mix(pool.codes(pool.dataset.ids[0]), pool.codes(pool.dataset.ids[1]), 0.0)
    assert pool.speakers() == ("s0", "s1", "s2")
