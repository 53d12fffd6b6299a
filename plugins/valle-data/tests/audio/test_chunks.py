"""Long files come in chunks that join to the whole."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from valle_core.plugin import UserError
from valle_data.audio.chunks import read_chunks
from valle_data.audio.reading import load


@pytest.fixture
def recording(tmp_path):
    def recording(samples: int, rate: int = 8000, channels: int = 1):
        wav = 0.1 * np.random.default_rng(samples).standard_normal((samples, channels))
        soundfile.write(tmp_path / "a.wav", wav, rate, subtype="PCM_16")
        return tmp_path / "a.wav"

    return recording


@pytest.mark.parametrize("samples", [1, 999, 1000, 1099, 1100, 3050, 3200])
def test_pieces_join_to_the_file_and_none_of_several_is_short(recording, samples):
    path = recording(samples)
    chunks = list(read_chunks(path, 8000, chunk=1000, shortest=100))
    assert [start for start, _ in chunks] == list(range(0, 1000 * len(chunks), 1000))
    np.testing.assert_array_equal(np.concatenate([wav for _, wav in chunks]), load(path, 8000))
    assert all(len(wav) == 1000 for _, wav in chunks[:-1])
    assert 100 <= len(chunks[-1][1]) < 1100 or len(chunks) == 1


def test_channels_are_averaged_and_the_rate_is_changed_as_for_whole_files(recording):
    path = recording(300_000, rate=44_100, channels=2)
    chunks = [wav for _, wav in read_chunks(path, 16_000, chunk=40_000, shortest=10)]
    whole = load(path, 16_000)
    joined = np.concatenate(chunks)
    assert abs(len(joined) - len(whole)) <= 2
    size = min(len(joined), len(whole))
    np.testing.assert_allclose(joined[:size], whole[:size], atol=2e-3)


def test_what_is_no_audio_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.wav").write_text("hello")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "nan.wav", np.full(10, np.nan), 8000, subtype="FLOAT")
    for name, why in (("text.wav", "not readable"), ("none.wav", "no samples"), ("nan.wav", "not finite"),
                      ("gone.wav", r"is not a file\. Check the path")):  # fmt: skip
        with pytest.raises(UserError, match=why) as error:
            list(read_chunks(tmp_path / name, 8000, chunk=1000))
        assert "\n" not in str(error.value)
