"""Audio files come in as mono float32 or with one clear line, and go out whole or not at all."""

from __future__ import annotations

import contextlib
import math
from random import Random

import numpy as np
import pytest
import soundfile

from valle_core.audio.wav import Missing, TooLong, TooShort, load, read, resample, write
from valle_core.plugin import UserError


def tone(seconds: float = 0.5, rate: int = 16_000, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * math.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_U8", 0.01),
        ("wav", "PCM_16", 1e-4),
        ("wav", "PCM_24", 1e-6),
        ("wav", "FLOAT", 1e-7),
        ("flac", "PCM_16", 1e-4),
        ("ogg", "VORBIS", 0.1),
        ("mp3", "MPEG_LAYER_III", 0.1),
    ],
)
def test_every_format_is_read_as_float32(tmp_path, suffix, subtype, tolerance):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(), 16_000, subtype=subtype)
    wav, rate = read(path)
    assert rate == 16_000
    assert wav.dtype == np.float32
    assert wav.ndim == 1
    assert np.sqrt(np.mean(np.square(wav))) == pytest.approx(0.5 / math.sqrt(2), abs=tolerance + 0.02)
    if tolerance < 0.05:
        assert np.abs(wav - tone()).max() <= tolerance


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([tone(), -tone(), tone()], axis=1), 16_000, subtype="FLOAT")
    assert np.allclose(read(path)[0], tone() / 3, atol=1e-6)


def test_a_missing_file_an_empty_file_a_folder_and_a_text_are_each_named(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    for name, reason in (
        ("missing.wav", "does not exist"),
        ("empty.wav", "0 bytes"),
        ("folder.wav", "is a folder"),
        ("text.wav", "not readable as audio"),
        ("none.wav", "no samples"),
    ):
        with pytest.raises(UserError, match=reason) as caught:
            read(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_truncated_flac_is_refused_or_read_short(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(2.0), 16_000)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"a\.flac"):
        read(path)


@pytest.mark.parametrize("rate", [1, 999, 2_000_000])
def test_a_sample_rate_that_no_recorder_has_is_refused(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(), rate)
    with pytest.raises(UserError, match=rf"must be in \[1000, 768000\] Hz, got {rate}$"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_damaged_headers_give_one_line_and_take_no_memory(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(), 16_000)
    good = path.read_bytes()
    rng = Random(0)
    for _ in range(150):
        damaged = bytearray(good)
        for _ in range(rng.choice((1, 3, 20))):
            damaged[rng.randrange(min(len(good), 120))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            assert len(read(path)[0]) <= 10 * 8_000


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused_both_ways(tmp_path, value):
    wav = tone()
    wav[100] = value
    soundfile.write(tmp_path / "a.wav", wav, 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match="not finite"):
        read(tmp_path / "a.wav")
    with pytest.raises(UserError, match="not finite"):
        write(tmp_path / "b.wav", wav, 16_000)
    assert not (tmp_path / "b.wav").exists()


def test_loading_resamples_and_keeps_the_tone(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(1.0, 44_100), 44_100, subtype="FLOAT")
    wav = load(tmp_path / "a.wav", 16_000)
    assert len(wav) == 16_000
    assert np.abs(wav - tone(1.0))[500:-500].max() < 1e-3
    assert resample(wav, 16_000, 16_000) is wav


def test_too_short_and_too_long_audio_is_refused_with_its_length(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.5), 16_000)
    with pytest.raises(TooShort, match=r"0\.50 s, less than 1 s"):
        load(tmp_path / "a.wav", 16_000, min_seconds=1)
    with pytest.raises(TooLong, match=r"0\.5 s, more than 0\.25 s"):
        load(tmp_path / "a.wav", 16_000, max_seconds=0.25)


def test_a_written_file_reads_back_clipped_and_leaves_no_temporary(tmp_path):
    write(tmp_path / "deep" / "a.wav", 4 * tone(), 22_050)
    wav, rate = read(tmp_path / "deep" / "a.wav")
    assert rate == 22_050
    assert 0.99 < wav.max() <= 1.0
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.wav"]


def test_an_unknown_ending_and_a_place_that_is_a_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"Choose one of \.wav"):
        write(tmp_path / "a.xyz", tone(), 16_000)
    (tmp_path / "b.wav").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        write(tmp_path / "b.wav", tone(), 16_000)
    assert [path.name for path in tmp_path.iterdir()] == ["b.wav"]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (FileNotFoundError(2, "gone"), Missing, "does not exist"),
        (OSError(5, "Input/output error"), UserError, "cannot be read: Input/output error. Check its disk"),
    ],
)
def test_a_file_that_goes_away_or_fails_while_it_is_opened_is_named(tmp_path, monkeypatch, error, kind, message):
    write(tmp_path / "a.wav", np.zeros(1600, np.float32), 16_000)

    def fail(*arguments):
        raise error

    monkeypatch.setattr(type(tmp_path), "open", fail)
    with pytest.raises(kind, match=message):
        read(tmp_path / "a.wav")
