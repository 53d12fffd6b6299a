"""Folders that cannot be prepared from or into: one line that says what to do, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.convert import convert
from valle_data.preparation.finished import SOURCES
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.plan import PARTS
from valle_data.preparation.prepare import prepare
from valle_data.storage.rows import hash_of
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


class Refusing(FakeCodec):
    """Must not be asked."""

    def encode(self, wav, lengths):
        raise AssertionError("the codec was asked")


class Silent(FakeFrontend):
    """Must not be asked."""

    def phonemize(self, text, language):
        raise AssertionError("the frontend was asked")


def run(source, out, *, codec=None, frontend=None, progress=None, **options):
    return prepare(
        PrepareOptions(source=source, out=out, shard_size=4, **options),
        codec=codec or FakeCodec(),
        frontend=frontend or FakeFrontend(),
        frontend_name="fake",
        progress=progress,
    )


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setattr("valle_data.preparation.plan.GROUP", 4)
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4)
    return tmp_path / "corpus"


# --- a second run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_a_second_run_asks_neither_codec_nor_frontend_also_after_a_conversion(corpus, tmp_path, storage):
    (corpus / "train/s1/002.txt").unlink()
    run(corpus, tmp_path / "out", storage=storage)
    assert run(corpus, tmp_path / "out", storage=storage, codec=Refusing(), frontend=Silent()).kept == 11
    for other in ("files", "shards", "hdf5"):
        convert(tmp_path / "out", tmp_path / other, storage=other, shard_size=4)
        before = content(tmp_path / other)
        report = run(corpus, tmp_path / other, storage=other, codec=Refusing(), frontend=Silent())
        assert (report.prepared, report.kept, report.reasons) == (0, 11, {"no-transcript": 1})
        assert content(tmp_path / other) == before


# --- the source ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_a_source_that_vanishes_in_the_middle_stops_the_run_and_what_is_done_stays(corpus, tmp_path, left):
    def vanish(done, total, seconds):
        if done == 4:
            corpus.rename(tmp_path / "away")
            if left == "an empty folder":
                corpus.mkdir()

    tone_corpus(corpus, speakers=3, utterances=8)  # more than is read ahead
    run(corpus, tmp_path / "whole", jobs=1)
    with pytest.raises(UserError, match=r"the recordings in '.*' vanished .*run the same command again"):
        run(corpus, tmp_path / "out", jobs=1, progress=vanish)
    shutil.rmtree(corpus, ignore_errors=True)
    (tmp_path / "away").rename(corpus)
    assert json.loads((tmp_path / "out" / PARTS / "plan.jsonl").read_text().splitlines()[0])["ids"] == 24
    report = run(corpus, tmp_path / "out", jobs=1)
    assert report.reasons == {}
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_one_file_that_vanishes_is_reported_and_the_rest_is_prepared(corpus, tmp_path):
    def vanish(done, total, seconds):
        (corpus / "train/s2/003.wav").unlink(missing_ok=True)

    assert run(corpus, tmp_path / "out", progress=vanish).reasons in ({}, {"no-audio": 1})
    assert run(corpus, tmp_path / "out").reasons == {}
    assert len(open_dataset(tmp_path / "out")) == 11


def test_a_dataset_inside_its_recordings_is_refused(corpus):
    with pytest.raises(UserError, match=r"lies inside the recordings .*Choose a place outside"):
        run(corpus, corpus / "train" / "data")
    assert not (corpus / "train" / "data").exists()


def test_a_corpus_that_had_nothing_usable_is_taken_up_when_it_has(corpus, tmp_path):
    texts = {path: path.read_text() for path in corpus.rglob("*.txt")}
    for path in texts:
        path.unlink()
    for _ in range(2):
        with pytest.raises(UserError, match=r"nothing in .* can be used: 12 recordings"):
            run(corpus, tmp_path / "out", codec=Refusing())
    for path, text in texts.items():
        path.write_text(text)
    assert run(corpus, tmp_path / "out").utterances == 12
    run(corpus, tmp_path / "whole")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_options_that_left_out_everything_may_be_others_the_next_time(corpus, tmp_path):
    for path in corpus.rglob("*.json"):
        path.unlink()
    next(corpus.rglob("*.txt")).write_text("")
    with pytest.raises(UserError, match=r"1 empty-transcript, 11 no-language\); e\.g\. no language .*Give --language"):
        run(corpus, tmp_path / "out")
    assert run(corpus, tmp_path / "out", language="xx").utterances == 11
    run(corpus, tmp_path / "whole", language="xx")
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    with pytest.raises(UserError, match=r"was prepared with language 'xx', asked for 'yy'"):
        run(corpus, tmp_path / "out", language="yy")


# --- the dataset -----------------------------------------------------------------------------------------------------


def test_a_place_that_cannot_be_written_to_is_named(corpus):
    with pytest.raises(UserError, match="cannot write '/proc/valle"):
        run(corpus, Path("/proc/valle/data"))


def test_settings_of_a_newer_valle_are_refused(corpus, tmp_path):
    run(corpus, tmp_path / "out")
    path = tmp_path / "out" / "prepare.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))
    before = content(tmp_path / "out")
    with pytest.raises(UserError, match=r"prepare\.json' has format_version 2, this valle reads 1\. Update valle"):
        run(corpus, tmp_path / "out")
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize("name", [SOURCES, "index.jsonl"])
@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_damaged_knowledge_of_a_dataset_is_named_and_made_anew_once_it_is_removed(corpus, tmp_path, storage, name):
    run(corpus, tmp_path / "out", storage=storage)
    whole = open_dataset(tmp_path / "out").manifest
    path = tmp_path / "out" / name
    path.write_text(path.read_text()[:-30])
    with pytest.raises(UserError, match=r"damaged .*--repair, or remove .* run the same command again"):
        run(corpus, tmp_path / "out", storage=storage)
    path = tmp_path / "out" / SOURCES
    path.unlink()
    (tmp_path / "out" / "index.jsonl").unlink()
    assert run(corpus, tmp_path / "out", storage=storage).utterances == 12
    again = open_dataset(tmp_path / "out").manifest
    assert (again.utterances, again.symbols, again.index_hash) == (12, whole.symbols, whole.index_hash)


def test_a_removed_recording_leaves_the_dataset_although_the_removal_was_killed(corpus, tmp_path, monkeypatch):
    run(corpus, tmp_path / "out")
    (corpus / "train/s1/002.wav").unlink()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("valle_data.preparation.finishing.write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        run(corpus, tmp_path / "out")
    monkeypatch.undo()
    with pytest.raises(UserError, match="half-written"):
        open_dataset(tmp_path / "out")
    assert run(corpus, tmp_path / "out", codec=Refusing()).utterances == 11
    assert "train/s1/002" not in open_dataset(tmp_path / "out").ids


def test_what_was_begun_is_finished_first_and_then_what_is_new(corpus, tmp_path):
    def interrupt(done, total, seconds):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(corpus, tmp_path / "out", progress=interrupt)
    tone_corpus(corpus, speakers=1, utterances=3, group="a-new")
    report = run(corpus, tmp_path / "out")
    assert (report.utterances, report.prepared, report.kept) == (15, 11, 4)
    assert open_dataset(tmp_path / "out").ids[0] == "a-new/s0/000"
    assert not (tmp_path / "out" / PARTS).exists()


def test_a_name_that_is_no_text_is_reported(corpus, tmp_path):
    odd = os.fsencode(corpus / "train/s0") + b"/caf\xe9.wav"
    shutil.copy(corpus / "train/s0/000.wav", odd)
    shutil.copy(odd, os.fsencode(corpus) + b"/\xff.wav")
    report = run(corpus, tmp_path / "out")
    assert report.reasons == {"no-transcript": 1, "no-speaker": 1}
    stored = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "train/s0/caf\\udce9" in [line["id"] for line in stored["details"]]
    assert run(corpus, tmp_path / "out", codec=Refusing()).kept == 12


def test_a_name_as_long_as_a_file_system_allows_is_stored(corpus, tmp_path):
    long = "ß" * 125  # 250 bytes
    for suffix in ("wav", "txt", "json"):
        shutil.copy(corpus / f"train/s0/000.{suffix}", corpus / f"train/s0/{long}.{suffix}")
    run(corpus, tmp_path / "out", storage="files")
    dataset = open_dataset(tmp_path / "out")
    assert hash_of(dataset.record(f"train/s0/{long}")) == dataset.row(f"train/s0/{long}").hash
