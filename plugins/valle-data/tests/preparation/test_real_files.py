"""Audio files and names as they are found in the wild: each is prepared, or left out with its reason."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
import soundfile

from valle_core.audio.wav import Missing
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.audio.reading import OutOfBounds, read
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.storage.rows import hash_of
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_speech

GOOD = tone_speech("abcdefgh")


def run(source, out, **options):
    return prepare(
        PrepareOptions(source=source, out=out, language="xx", **options),
        codec=FakeCodec(),
        frontend=FakeFrontend(),
        frontend_name="fake",
    )


def add(folder, name, text="a b", wav=GOOD):
    path = folder / f"{name}.wav"
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wav, 16_000)
    (folder / f"{name}.txt").write_text(text)
    return path


@pytest.mark.parametrize(
    ("ending", "subtype", "channels"),
    [
        ("wav", "PCM_U8", 1),
        ("wav", "PCM_24", 2),
        ("wav", "PCM_32", 1),
        ("wav", "FLOAT", 1),
        ("wav", "DOUBLE", 1),
        ("wav", "PCM_16", 7),
        ("wav", "ULAW", 1),
        ("opus", "OPUS", 1),
    ],
)
def test_every_width_and_many_channels_are_read(ending, subtype, channels, tmp_path):
    rate = 48_000 if ending == "opus" else 16_000
    wav = tone_speech("abcdefgh", sample_rate=rate)
    path = tmp_path / "c" / "s" / f"a.{ending}"
    path.parent.mkdir(parents=True)
    container = "OGG" if ending == "opus" else "WAV"
    soundfile.write(path, np.stack([wav] * channels, 1), rate, subtype=subtype, format=container)
    path.with_suffix(".txt").write_text("a")
    run(tmp_path / "c", tmp_path / "out")
    assert open_dataset(tmp_path / "out").seconds("s/a") == pytest.approx(0.48, abs=0.04)
    found, _ = read(path)
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(np.sqrt(np.mean(np.square(wav))), abs=0.02)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3"])
def test_a_file_that_was_cut_off_is_bad_audio_that_says_how_much_is_missing(ending, tmp_path):
    path = add(tmp_path / "c" / "s", "good").with_name(f"cut.{ending}")
    soundfile.write(path, np.tile(GOOD, 8), 16_000)
    whole = path.read_bytes()
    path.with_suffix(".txt").write_text("a")
    path.write_bytes(whole[: len(whole) // 2])
    report = run(tmp_path / "c", tmp_path / "out")
    (bad,) = report.rejected
    assert (bad.id, bad.reason) == ("s/cut", "bad-audio")
    assert f"cut.{ending}" in bad.detail


def test_texts_zero_samples_and_nothing_are_bad_audio(tmp_path):
    folder = tmp_path / "c" / "s"
    add(folder, "good")
    for name in ("text", "zero", "empty", "half"):
        (folder / f"{name}.txt").write_text("a")
    (folder / "text.wav").write_text("this is not audio\n" * 100)
    soundfile.write(folder / "zero.wav", np.zeros(0), 16_000)
    (folder / "empty.wav").touch()
    (folder / "half.wav").write_bytes((folder / "good.wav").read_bytes()[:30])
    report = run(tmp_path / "c", tmp_path / "out")
    assert report.reasons == {"bad-audio": 4}
    assert all(len(one.detail) > 20 and "\n" not in one.detail for one in report.rejected)


@pytest.mark.parametrize("storage", ["files", "shards"])
def test_names_of_every_kind_come_through(storage, tmp_path):
    names = [
        " leading and trailing ",
        "dots.in.the.name.",
        "line\nbreak",
        "tab\there",
        "quote'\"`$(x)",
        "日本語のファイル",
        "x" * 251,
        "é" * 125,
        unicodedata.normalize("NFD", "café"),
    ]
    for name in names:
        add(tmp_path / "c" / "sé", name)
    report = run(tmp_path / "c", tmp_path / "out", storage=storage)
    dataset = open_dataset(tmp_path / "out")
    assert (report.reasons, len(dataset)) == ({}, len(names))
    assert set(dataset.ids) == {unicodedata.normalize("NFC", f"sé/{name}") for name in names}
    for id in dataset.ids:
        assert hash_of(dataset.record(id)) == dataset.row(id).hash
    assert run(tmp_path / "c", tmp_path / "out", storage=storage).kept == len(names)


def test_two_long_names_that_begin_alike_stay_apart(tmp_path):
    for last in "ab":
        add(tmp_path / "c" / "s", "x" * 240 + last, text=f"{last} {last}")
    run(tmp_path / "c", tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    texts = {"".join(dataset.record(id).phonemes) for id in dataset.ids}
    assert texts == {"a a", "b b"}


def test_a_transcript_is_found_however_its_accents_are_composed_and_a_copy_keeps_the_ids(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    for number, (audio, text) in enumerate([(composed, decomposed), (decomposed, composed)]):
        folder = tmp_path / str(number) / "s"
        add(folder, "other").rename(folder / f"{audio}.wav")
        (folder / "other.txt").rename(folder / f"{text}.txt")
        run(tmp_path / str(number), tmp_path / f"out{number}")
        assert list(open_dataset(tmp_path / f"out{number}").ids) == ["s/é"]
    both = tmp_path / "both" / "s"
    add(both, composed)
    add(both, decomposed)
    assert run(tmp_path / "both", tmp_path / "out").reasons == {"same-name": 1}


def test_a_name_that_is_not_utf8_is_spelled_out(tmp_path):
    folder = tmp_path / "c" / "s"
    add(folder, "good")
    raw = bytes(folder) + b"/b\xe9.wav"
    import os
    import shutil

    shutil.copy(folder / "good.wav", os.fsdecode(raw))
    shutil.copy(folder / "good.txt", os.fsdecode(raw[:-4] + b".txt"))
    shutil.copy(folder / "good.wav", os.fsdecode(raw[:-4] + b"2.wav"))
    report = run(tmp_path / "c", tmp_path / "out")
    assert list(open_dataset(tmp_path / "out").ids) == ["s/b\\udce9", "s/good"]
    assert report.reasons == {"no-transcript": 1}
    assert "\\udce92" in json.loads((tmp_path / "out" / "report.json").read_text())["details"][0]["id"]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_a_part_is_the_same_samples_as_in_the_whole(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.tile(GOOD, 6), 16_000)
    whole, rate = read(path)
    part, _ = read(path, start=1.0, end=1.75)
    assert len(part) == 12_000
    assert np.abs(part - whole[16_000:28_000]).max() < 2e-3
    rest, _ = read(path, start=2.0)
    assert abs(len(rest) - (len(whole) - 32_000)) <= rate // 20
    nearly, _ = read(path, end=len(whole) / rate + 0.05)
    assert len(nearly) == len(whole)


def test_parts_and_channels_that_are_not_there_are_refused(tmp_path):
    path = add(tmp_path, "a")
    with pytest.raises(OutOfBounds, match=r"lasts 0\.48 s, asked for 0\.10 … 2\.00 s"):
        read(path, start=0.1, end=2.0)
    with pytest.raises(OutOfBounds):
        read(path, start=0.5)
    with pytest.raises(UserError, match="has 1 channels, asked for channel 1"):
        read(path, channels=(1,))
    with pytest.raises(Missing):
        read(tmp_path / "gone.wav")
