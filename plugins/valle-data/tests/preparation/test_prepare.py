"""A folder of recordings becomes a dataset; everything left out is reported; nothing is done twice."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from valle_core.config.resolve import resolve
from valle_core.config.schema import Schema
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.config import PREPARE_SCHEMA
from valle_data.preparation.options import NOT_GIVEN, PrepareOptions
from valle_data.preparation.split import SplitOptions
from valle_data.storage.rows import hash_of
from valle_data.testing import run
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus, tone_speech


class CountingCodec(FakeCodec):
    rows = 0

    def encode(self, wav, lengths):
        self.rows += len(wav)
        return super().encode(wav, lengths)


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def corpus(tmp_path):
    tone_corpus(tmp_path / "corpus", speakers=2, utterances=3)
    return tmp_path / "corpus"


def test_groups_and_speakers_become_ids_and_speakers(corpus, tmp_path):
    report = run(corpus, tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    assert (report.found, report.prepared, report.speakers, report.reasons) == (6, 6, 2, {})
    assert dataset.ids[0] == "train/s0/000"
    assert dataset.speakers() == ("train/s0", "train/s1")
    assert dataset.codec == FakeCodec().identity
    assert report.seconds == pytest.approx(sum(dataset.seconds(id) for id in dataset.ids))


def test_a_folder_without_groups_works_and_every_format_is_found(tmp_path):
    for number, suffix in enumerate(("wav", "flac", "ogg", "mp3", "WAV")):
        path = tmp_path / "corpus" / "anna" / f"{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone_speech("abcdefgh", sample_rate=24_000), 24_000, format=suffix.upper())
        path.with_suffix(".txt").write_text("abc")
    run(tmp_path / "corpus", tmp_path / "out", language="xx")
    dataset = open_dataset(tmp_path / "out")
    assert dataset.ids == tuple(f"anna/{number}" for number in range(5))
    assert dataset.speakers() == ("anna",)


def test_ljspeech_is_read_with_the_normalised_text(tmp_path):
    source = tmp_path / "LJSpeech-1.1"
    (source / "wavs").mkdir(parents=True)
    lines = ["LJ-1|A 1|a one", "LJ-2|only raw|", "LJ-3|gone|gone", "no separator", ""]
    (source / "metadata.csv").write_text("\n".join(lines))
    for name in ("LJ-1", "LJ-2", "LJ-9"):
        soundfile.write(source / "wavs" / f"{name}.wav", tone_speech("abcdefgh", sample_rate=22_050), 22_050)
    report = run(source, tmp_path / "out", language="xx")
    dataset = open_dataset(tmp_path / "out")
    assert {id: dataset.row(id).text for id in dataset.ids} == {"LJ-1": "a one", "LJ-2": "only raw"}
    assert dataset.speakers() == ("LJSpeech-1.1",)
    assert report.reasons == {"bad-line": 1, "no-audio": 1, "no-transcript": 1}


def test_every_bad_file_is_reported_with_its_reason_and_the_rest_is_prepared(corpus, tmp_path):
    speaker = corpus / "train" / "s0"
    good = tone_speech("abcdefgh")

    def add(name, wav=good, text="abc", language="xx"):
        soundfile.write(speaker / f"{name}.wav", wav, 16_000, subtype="FLOAT")
        if text is not None:
            (speaker / f"{name}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        if language is not None:
            (speaker / f"{name}.json").write_text(json.dumps({"language": language}))

    add("a-short", good[:100])
    add("b-long", np.tile(good, 30))
    add("c-nan", np.full(16_000, np.nan, dtype=np.float32))
    add("d-mute", text=None)
    add("e-blank", text=" \n")
    add("f-bytes", text=b"\xff\xfe")
    add("g-punctuation", text="...!")
    add("h-tongue", language="zz")
    add("i-tongueless", language=None)
    add("j-garbage")
    (speaker / "j-garbage.wav").write_bytes(b"RIFF garbage")
    add("k-empty")
    (speaker / "k-empty.wav").write_bytes(b"")
    add("l-facts")
    (speaker / "l-facts.json").write_text("{")
    shutil.copy(speaker / "000.wav", corpus / "stray.wav")
    soundfile.write(speaker / "000.flac", good, 16_000)
    (corpus / "train" / "s0" / "deeper" / "still").mkdir(parents=True)
    shutil.copy(speaker / "000.wav", corpus / "train" / "s0" / "deeper" / "x.wav")

    report = run(corpus, tmp_path / "out", max_seconds=10.0)
    reasons = {rejection.id: rejection.reason for rejection in report.rejected}
    assert reasons == {
        "train/s0/a-short": "too-short",
        "train/s0/b-long": "too-long",
        "train/s0/c-nan": "bad-audio",
        "train/s0/d-mute": "no-transcript",
        "train/s0/e-blank": "empty-transcript",
        "train/s0/f-bytes": "bad-transcript",
        "train/s0/g-punctuation": "no-phonemes",
        "train/s0/h-tongue": "no-phonemes",
        "train/s0/i-tongueless": "no-language",
        "train/s0/j-garbage": "bad-audio",
        "train/s0/k-empty": "bad-audio",
        "train/s0/l-facts": "bad-facts",
        "stray": "no-speaker",
        "train/s0/000.wav": "same-name",
        "train/s0/deeper/x": "no-speaker",
    }
    assert all(rejection.detail and "\n" not in rejection.detail for rejection in report.rejected)
    assert report.found == report.utterances + len(report.rejected)
    stored = json.loads((tmp_path / "out" / "report.json").read_text())
    assert stored["rejected"] == report.reasons
    assert len(stored["details"]) == 15
    assert len(open_dataset(tmp_path / "out")) == 6
    assert "15 recordings (" in report.summary()


def test_a_corpus_of_which_nothing_can_be_used_is_refused_with_counts(corpus, tmp_path):
    with pytest.raises(UserError, match=r"nothing in .* can be used: 6 recordings \(6 too-short\)"):
        run(corpus, tmp_path / "out", min_seconds=20.0)
    with pytest.raises(UserError, match="half-written"):
        open_dataset(tmp_path / "out")


def test_a_folder_that_is_not_named_is_asked_for(tmp_path):
    with pytest.raises(UserError, match="no source folder given"):
        run(NOT_GIVEN, tmp_path / "out")
    with pytest.raises(UserError, match="no out folder given"):
        run(tmp_path, NOT_GIVEN)


def test_the_current_folder_may_be_the_recordings_or_the_dataset(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(corpus)
    assert run(Path(), tmp_path / "a").utterances == 6
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert run(corpus, Path()).utterances == 6
    assert content(tmp_path / "a") == content(tmp_path / "b")
    monkeypatch.chdir(corpus / "train")
    assert run(Path(".."), tmp_path / "a").prepared == 0


def test_the_schema_reads_folders_numbers_and_lists():
    class NoPlugins:
        def options_type(self, kind, name):
            return type(self)

    sections = resolve(
        Schema(sections=PREPARE_SCHEMA.sections),
        NoPlugins(),
        sets=["source=/a", "held_out_fraction=0.1", "held_out_groups=[x, y]", "storage=shards"],
    ).sections
    options = sections["prepare"]
    assert (options.source, options.storage) == (Path("/a"), "shards")
    assert options.split == SplitOptions(fraction=0.1, groups=("x", "y"))


def test_a_source_without_recordings_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        run(tmp_path / "missing", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no recordings in"):
        run(tmp_path / "empty", tmp_path / "out")


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_a_second_run_does_no_work_and_changes_no_file(corpus, tmp_path, storage):
    run(corpus, tmp_path / "out", storage=storage)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    codec, frontend = CountingCodec(), FakeFrontend()
    report = run(corpus, tmp_path / "out", storage=storage, codec=codec, frontend=frontend)
    assert (report.prepared, report.kept, codec.rows, frontend.calls) == (0, 6, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_new_changed_and_removed_recordings_are_followed(corpus, tmp_path, storage):
    run(corpus, tmp_path / "out", storage=storage)
    old = open_dataset(tmp_path / "out").utterance("train/s0/002").codes
    tone_corpus(corpus, speakers=1, utterances=2, group="more")
    soundfile.write(corpus / "train/s0/002.wav", tone_speech("hhhhhhhhhh"), 16_000)
    (corpus / "train/s0/001.wav").unlink()
    codec = CountingCodec()
    report = run(corpus, tmp_path / "out", storage=storage, codec=codec)
    dataset = open_dataset(tmp_path / "out")
    assert (report.prepared, report.kept, report.removed, codec.rows) == (3, 4, 1, 3)
    assert "train/s0/001" not in dataset.ids
    assert "more/s0/001" in dataset.ids
    assert old.shape != dataset.utterance("train/s0/002").codes.shape
    for id in dataset.ids:
        assert hash_of(dataset.record(id)) == dataset.row(id).hash
    fresh = tmp_path / "fresh"
    run(corpus, fresh, storage=storage)
    again = open_dataset(fresh)
    assert again.ids == dataset.ids
    assert all((again.utterance(id).codes == dataset.utterance(id).codes).all() for id in again.ids)


def test_a_mended_recording_is_taken_up(corpus, tmp_path):
    text = corpus / "train/s0/001.txt"
    words = text.read_text()
    text.unlink()
    assert run(corpus, tmp_path / "out").reasons == {"no-transcript": 1}
    text.write_text(words)
    report = run(corpus, tmp_path / "out")
    assert (report.prepared, report.kept, report.reasons) == (1, 5, {})


def test_another_split_needs_no_new_codes(corpus, tmp_path):
    run(corpus, tmp_path / "out", held_out_fraction=0.0)
    assert len(open_dataset(tmp_path / "out", part="held-out")) == 0
    codec = CountingCodec()
    run(corpus, tmp_path / "out", codec=codec, held_out_fraction=0.3)
    assert (len(open_dataset(tmp_path / "out", part="held-out")), codec.rows) == (2, 0)


def test_another_codec_in_the_same_folder_is_refused_naming_both(corpus, tmp_path):
    run(corpus, tmp_path / "out")
    before = content(tmp_path / "out")
    with pytest.raises(UserError, match=r"holds codes of codec 'fake'.*, not 'dac'"):
        run(corpus, tmp_path / "out", codec=FakeCodec(name="dac"))
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(
    "options", [{"max_seconds": 9.0}, {"storage": "shards"}, {"language": "yy"}, {"batch_seconds": 1.0}]
)
def test_other_options_in_the_same_folder_are_refused_by_name(corpus, tmp_path, options):
    run(corpus, tmp_path / "out")
    (name,) = options
    with pytest.raises(UserError, match=f"was prepared with {name}"):
        run(corpus, tmp_path / "out", **options)


def test_a_folder_with_something_else_in_it_is_refused(corpus, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(UserError, match="something else than a dataset"):
        run(corpus, tmp_path / "out")
    with pytest.raises(UserError, match="something else than a dataset"):
        run(corpus, corpus / "train/s0/000.txt")


def test_a_text_is_phonemized_once_per_language(tmp_path):
    for number in range(4):
        path = tmp_path / "corpus" / "s" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone_speech("abcdefgh"), 16_000)
        path.with_suffix(".txt").write_text("the same" if number else "  the \n same ")
        path.with_suffix(".json").write_text(json.dumps({"language": "xx" if number < 2 else "yy"}))
    frontend = FakeFrontend()
    run(tmp_path / "corpus", tmp_path / "out", frontend=frontend)
    assert frontend.calls == 2
    assert open_dataset(tmp_path / "out").languages == ("xx", "yy")


def test_jobs_and_padding_change_nothing_and_progress_counts_to_the_end(corpus, tmp_path):
    seen = []
    run(corpus, tmp_path / "a", jobs=1, progress=lambda done, total, seconds: seen.append((done, total)))
    run(corpus, tmp_path / "b", jobs=4)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert seen[-1] == (6, 6)


def test_recordings_at_another_rate_and_with_two_channels_are_converted(tmp_path):
    path = tmp_path / "corpus" / "s" / "0.wav"
    path.parent.mkdir(parents=True)
    wav = tone_speech("abcdefgh", sample_rate=44_100)
    soundfile.write(path, np.stack([wav, wav], axis=1), 44_100)
    path.with_suffix(".txt").write_text("abcdefgh")
    run(tmp_path / "corpus", tmp_path / "out", language="xx")
    assert open_dataset(tmp_path / "out").seconds("s/0") == pytest.approx(len(wav) / 44_100, abs=0.02)


def test_a_codec_that_breaks_its_range_stops_the_preparation(corpus, tmp_path):
    class Broken(FakeCodec):
        def encode(self, wav, lengths):
            codes, frames = super().encode(wav, lengths)
            return codes + 40, frames

    with pytest.raises(UserError, match=r"codes of utterance 'train/s0/000' must be in \[0, 31\], got 40 … 71"):
        run(corpus, tmp_path / "out", codec=Broken())


@pytest.mark.parametrize(
    "change",
    [{"storage": "tar"}, {"jobs": 0}, {"min_seconds": 40.0}, {"batch_seconds": 0.0}, {"held_out_fraction": 1.0}],
)
def test_senseless_options_are_refused(tmp_path, change):
    with pytest.raises(UserError, match=next(iter(change)).replace("_", ".")):
        dataclasses.replace(PrepareOptions(source=tmp_path, out=tmp_path), **change)
