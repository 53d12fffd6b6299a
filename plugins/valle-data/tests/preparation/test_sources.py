"""Several sources in one dataset: each adds, none drops another's, and what only seems to be gone stops the run."""

from __future__ import annotations

import json
import shutil

import pytest

from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.finished import SOURCES
from valle_data.preparation.plan import PARTS
from valle_data.storage.rows import hash_of
from valle_data.testing import run
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


class Refusing(FakeCodec):
    """Must not be asked."""

    def encode(self, wav, lengths):
        raise AssertionError("the codec was asked")


def ids(out):
    return list(open_dataset(out).ids)


@pytest.fixture
def two(tmp_path):
    tone_corpus(tmp_path / "a", speakers=2, utterances=2, group="first")
    tone_corpus(tmp_path / "b", speakers=1, utterances=3, group="second")
    return tmp_path / "a", tmp_path / "b", tmp_path / "out"


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_a_second_source_adds_and_each_may_be_run_again(two, storage):
    a, b, out = two
    run(a, out, storage=storage)
    before = {id: open_dataset(out).utterance(id).codes for id in ids(out)}
    report = run(b, out, storage=storage)
    assert (report.prepared, report.kept, report.removed) == (3, 4, 0)
    assert report.notes == (f"utterances of other sources stay: 4 of '{a}'. --replace keeps those of '{b}' alone",)
    assert len(ids(out)) == 7
    assert all((open_dataset(out).utterance(id).codes == codes).all() for id, codes in before.items())
    for source in (a, b, a):
        again = run(source, out, storage=storage, codec=Refusing())
        assert (again.prepared, again.kept, again.removed) == (0, 7, 0)
    for id in ids(out):
        assert hash_of(open_dataset(out).record(id)) == open_dataset(out).row(id).hash


def test_what_a_source_loses_is_followed_and_others_do_not_mind(two):
    a, b, out = two
    run(a, out)
    run(b, out)
    (a / "first/s0/001.wav").unlink()
    (b / "second/s0/001.wav").unlink()
    assert run(b, out).removed == 1
    assert "first/s0/001" in ids(out)
    assert run(a, out).removed == 1
    assert len(ids(out)) == 5


def test_replace_keeps_one_source_alone(two):
    a, b, out = two
    run(a, out)
    run(b, out)
    report = run(b, out, replace=True, codec=Refusing())
    assert (report.prepared, report.kept, report.removed, report.notes) == (0, 3, 4, ())
    assert ids(out) == [f"second/s0/00{number}" for number in range(3)]
    assert run(a, out).prepared == 4


def test_another_recording_of_the_same_name_is_left_out_until_it_is_asked_for(two, tmp_path):
    a, _, out = two
    run(a, out)
    other = tmp_path / "other"
    tone_corpus(other, speakers=1, utterances=3, group="first")
    (other / "first/s0/000.txt").write_text("b b b")
    report = run(other, out)
    assert report.reasons == {"same-name": 2}
    assert (
        "have the names of others in the dataset and are left out, e.g. 'first/s0/000'. --replace takes"
        in report.notes[1]
    )
    assert (report.prepared, len(ids(out))) == (1, 5)
    assert open_dataset(out).row("first/s0/000").text != "b b b"
    taken = run(other, out, replace=True)
    assert (taken.reasons, len(ids(out))) == ({}, 3)
    assert open_dataset(out).row("first/s0/000").text == "b b b"


def test_a_source_that_was_moved_is_still_the_same(two, tmp_path):
    a, _, out = two
    run(a, out)
    a.rename(tmp_path / "moved")
    report = run(tmp_path / "moved", out, codec=Refusing())
    assert (report.kept, report.reasons) == (4, {})
    (tmp_path / "moved/first/s0/000.txt").write_text("b b b")
    assert run(tmp_path / "moved", out).prepared == 1
    assert open_dataset(out).row("first/s0/000").text == "b b b"


def test_two_tables_that_share_rows_do_not_drop_each_others(two):
    a, _, out = two
    rows = [f"{a.name}/first/s{s}/00{u}.wav,a b c,x\n" for s in range(2) for u in range(2)]
    for name, chosen in (("m.csv", rows[:3]), ("n.csv", rows[1:])):
        (a.parent / name).write_text("audio,text,speaker\n" + "".join(chosen))
        run(a.parent / name, out, language="xx")
    assert len(ids(out)) == 4
    (a.parent / "n.csv").write_text("audio,text,speaker\n" + rows[3])
    assert run(a.parent / "n.csv", out, language="xx").removed == 0
    (a.parent / "m.csv").write_text("audio,text,speaker\n" + rows[0])
    assert run(a.parent / "m.csv", out, language="xx").removed == 2


def test_a_dataset_from_before_sources_were_written_down_loses_nothing(two):
    a, b, out = two
    run(a, out)
    path = out / SOURCES
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "source"}) + "\n" for line in lines))
    report = run(b, out)
    assert "4 of 'an earlier preparation'" in report.notes[0]
    assert len(ids(out)) == 7
    assert run(a, out, codec=Refusing()).kept == 7


def test_what_one_source_began_is_finished_before_another_begins(two, monkeypatch):
    monkeypatch.setattr("valle_data.preparation.plan.GROUP", 2)
    a, b, out = two

    def interrupt(done, total, seconds):
        if done == 2:
            raise KeyboardInterrupt

    for hint in ("finish", "replace"):
        shutil.rmtree(out, ignore_errors=True)
        with pytest.raises(KeyboardInterrupt):
            run(a, out, progress=interrupt, jobs=1)
        with pytest.raises(UserError, match=rf"Finish it first: valle prepare {a} --out {out}; or .* --replace"):
            run(b, out)
        assert (out / PARTS).exists()
        if hint == "finish":
            run(a, out)
            assert run(b, out).utterances == 7
        else:
            assert run(b, out, replace=True).utterances == 3


def test_what_one_source_began_in_vain_stops_no_other(two):
    a, b, out = two
    for path in a.rglob("*.txt"):
        path.unlink()
    with pytest.raises(UserError, match="can be used"):
        run(a, out)
    assert run(b, out).utterances == 3


# --- what only seems to be gone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["an empty folder", "a broken link", "an empty group"])
def test_a_share_that_is_not_mounted_stops_the_run_and_nothing_is_dropped(two, how):
    a, _, out = two
    tone_corpus(a, speakers=1, utterances=1, group="local")
    place = a / "first" / "s1" if how == "an empty folder" else a / "first"
    place.rename(a.parent / "share")
    if how == "a broken link":
        place.symlink_to(a.parent / "share")
    else:
        (a.parent / "share").rename(place)
    run(a, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    if how == "a broken link":
        (a.parent / "share").rename(a.parent / "away")
    else:
        place.rename(a.parent / "away")
        place.mkdir()
    with pytest.raises(UserError, match=rf"the recordings in '{place}' vanished: the dataset has [24] utterances"):
        run(a, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    place.unlink() if how == "a broken link" else place.rmdir()
    assert run(a, out).removed == (2 if how == "an empty folder" else 4)


def test_rows_whose_folder_is_gone_are_dropped_only_when_they_are_taken_out(two):
    a, _, out = two
    rows = [f"{a.name}/first/s{s}/00{u}.wav,a b c,x\n" for s in range(2) for u in range(2)]
    table = a.parent / "m.csv"
    table.write_text("audio,text,speaker\n" + "".join(rows) + "extra/u.wav,a,x\nhttps://x.org/a.wav,a,x\n")
    report = run(table, out, language="xx")
    assert (report.utterances, report.reasons) == (4, {"no-audio": 2})
    (a / "first" / "s1").rename(a.parent / "away")
    with pytest.raises(UserError, match=r"s1' vanished: the dataset has 2 utterances"):
        run(table, out, language="xx")
    assert len(ids(out)) == 4
    table.write_text("audio,text,speaker\n" + "".join(rows[:2]))
    assert (run(table, out, language="xx").removed, len(ids(out))) == (2, 2)


def test_a_share_that_goes_between_two_runs_does_not_cost_the_parts_that_were_made(two, monkeypatch):
    monkeypatch.setattr("valle_data.preparation.plan.GROUP", 1)
    a, _, out = two

    def interrupt(done, total, seconds):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(a, out, progress=interrupt, jobs=1)
    (a / "first" / "s0").rename(a.parent / "away")
    (a / "first" / "s0").mkdir()
    with pytest.raises(UserError, match="s0' vanished"):
        run(a, out)
    (a / "first" / "s0").rmdir()
    (a.parent / "away").rename(a / "first" / "s0")
    frontend = FakeFrontend()
    assert run(a, out, frontend=frontend).utterances == 4
