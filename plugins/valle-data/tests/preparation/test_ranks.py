"""Several processes prepare one dataset through a shared folder; the bytes are those of one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation import locks as locks_module
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.locks import LOCKS, Holder, Locks
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.plan import GROUP, PARTS, Plan, read_plan
from valle_data.preparation.prepare import prepare, prepare_share
from valle_data.preparation.ranks import Ranks, ShareReport, find_device, find_ranks
from valle_data.preparation.report import PrepareReport
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus

STORAGES = ("files", "shards", "hdf5")


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def options(source: Path, out: Path, storage: str = "shards", **more) -> PrepareOptions:
    return PrepareOptions(source=source, out=out, storage=storage, shard_size=4, **more)


def share(source: Path, out: Path, rank: int = 0, world_size: int = 1, *, storage: str = "shards", codec=None):
    components = PreparationComponents(codec=codec or FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    return prepare_share(options(source, out, storage), components, Ranks(rank=rank, world_size=world_size))


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """12 + 1 recordings, one of which has no transcript."""
    monkeypatch.setattr("valle_data.preparation.plan.GROUP", 4)
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4)
    tone_corpus(tmp_path / "corpus", speakers=1, utterances=1, group="more")
    (tmp_path / "corpus/train/s1/002.txt").unlink()
    return tmp_path / "corpus"


@pytest.fixture
def whole(corpus, tmp_path):
    """Bytes of each storage as one process makes them."""

    def whole(storage: str) -> dict[str, bytes]:
        share(corpus, tmp_path / f"whole-{storage}", storage=storage)
        return content(tmp_path / f"whole-{storage}")

    return whole


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("order", [(0, 1), (1, 0), (2, 0, 1)])
def test_ranks_in_any_order_make_the_bytes_of_one_process(corpus, tmp_path, whole, storage, order):
    reports = [share(corpus, tmp_path / "out", rank, len(order), storage=storage) for rank in order]
    assert all(isinstance(report, ShareReport) for report in reports[:-1])
    assert isinstance(reports[-1], PrepareReport)
    assert reports[-1].utterances == 12
    assert content(tmp_path / "out") == whole(storage)


def test_a_rank_that_is_done_early_says_what_is_missing(corpus, tmp_path):
    report = share(corpus, tmp_path / "out", 0, 3)
    assert report.summary().splitlines()[0] == "rank 0 of 3: 5 utterances made, 0 recordings left out"
    assert report.summary().splitlines()[1].startswith("2 of 4 parts are others' work; ")
    facts = report.to_json()
    assert (facts["finished"], facts["parts"], facts["missing"], facts["prepared"]) == (False, 4, 2, 5)
    with pytest.raises(UserError, match="half-written"):
        open_dataset(tmp_path / "out")


def test_a_rank_run_twice_does_nothing_the_second_time(corpus, tmp_path, whole):
    share(corpus, tmp_path / "out", 1, 2)

    class Raising(FakeCodec):
        def encode(self, wav, lengths):
            raise AssertionError("asked again")

    assert share(corpus, tmp_path / "out", 1, 2, codec=Raising()).prepared == 0
    share(corpus, tmp_path / "out", 0, 2)
    assert share(corpus, tmp_path / "out", 1, 2, codec=Raising()).kept == 12
    assert content(tmp_path / "out") == whole("shards")


def test_what_a_dead_rank_left_is_made_without_ranks_or_in_another_world(corpus, tmp_path, whole):
    share(corpus, tmp_path / "out", 1, 2)
    assert share(corpus, tmp_path / "out").prepared == 8
    assert content(tmp_path / "out") == whole("shards")
    for rank in (2, 0, 1):
        share(corpus, tmp_path / "again", rank, 3)
    assert content(tmp_path / "again") == whole("shards")


def test_more_ranks_than_parts_is_no_trouble(corpus, tmp_path, whole):
    for rank in range(9):
        report = share(corpus, tmp_path / "out", rank, 9)
    assert isinstance(report, PrepareReport)
    assert content(tmp_path / "out") == whole("shards")


def test_recordings_that_come_while_ranks_work_are_taken_up_by_the_next_run(corpus, tmp_path):
    share(corpus, tmp_path / "out", 0, 2)
    tone_corpus(corpus, speakers=1, utterances=3, group="a-new")
    assert share(corpus, tmp_path / "out", 1, 2).utterances == 12
    report = share(corpus, tmp_path / "out")
    assert (report.prepared, report.kept) == (3, 12)


def test_ranks_of_another_codec_are_refused_naming_both(corpus, tmp_path):
    share(corpus, tmp_path / "out", 0, 2)
    with pytest.raises(UserError, match=r"holds codes of codec 'fake'.*, not 'dac'"):
        share(corpus, tmp_path / "out", 1, 2, codec=FakeCodec(name="dac"))


# --- processes ---------------------------------------------------------------------------------------------------

CHILD = """
import os, signal, sys, time
from pathlib import Path
from valle_data.preparation import journal, plan
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare_share
from valle_data.preparation.ranks import Ranks
from valle_data.preparation.components import PreparationComponents
from valle_testing.fakes.audio import FakeCodec, FakeFrontend

source, out, rank, world, die_after = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
plan.GROUP = 4
left, commit = die_after, journal.Journal.commit
def dying(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(*arguments)
journal.Journal.commit = dying
options = PrepareOptions(source=source, out=out, storage="shards", shard_size=4)
components = PreparationComponents(codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
prepare_share(options, components, Ranks(rank=rank, world_size=world))
"""


def start(source: Path, out: Path, rank: int, world: int, die_after: int = 10_000) -> subprocess.Popen:
    command = [sys.executable, "-c", CHILD, str(source), str(out), str(rank), str(world), str(die_after)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_two_ranks_at_once_of_which_one_is_killed(corpus, tmp_path, whole):
    out = tmp_path / "out"
    alive, dying = start(corpus, out, 0, 2), start(corpus, out, 1, 2, die_after=1)
    assert (alive.wait(300), dying.wait(300)) == (0, -signal.SIGKILL), alive.stderr.read()
    assert "rank-1-of-2" in [path.stem for path in (out / LOCKS).iterdir()], "its lock is left"
    assert share(corpus, out, 1, 2).prepared == 1
    assert content(out) == whole("shards")


@pytest.mark.slow
def test_four_ranks_that_end_at_the_same_time_make_one_dataset(corpus, tmp_path, whole):
    for round in range(5):
        out = tmp_path / f"out{round}"
        ranks = [start(corpus, out, rank, 4) for rank in range(4)]
        assert [rank.wait(300) for rank in ranks] == [0] * 4, [rank.stderr.read() for rank in ranks]
        assert content(out) == whole("shards")


# --- locks ---------------------------------------------------------------------------------------------------------


def test_a_second_run_on_the_same_folder_is_refused_and_told_who_is_at_work(corpus, tmp_path):
    share(corpus, tmp_path / "out", 0, 2)
    before = content(tmp_path / "out")
    with Locks(tmp_path / "out").held(Ranks().lock) as other:
        assert other is None
        with pytest.raises(UserError, match=rf"is being prepared by process {os.getpid()} on .*Wait for it"):
            share(corpus, tmp_path / "out")
        with pytest.raises(UserError, match=r"\(rank-0-of-1\)"):
            share(corpus, tmp_path / "out", 1, 2)
    assert content(tmp_path / "out") == before


def test_ranks_of_one_world_work_at_once_and_another_world_waits(corpus, tmp_path):
    with Locks(tmp_path / "out").held(Ranks(rank=0, world_size=2).lock):
        share(corpus, tmp_path / "out", 1, 2)
        for rank, world in ((0, 2), (1, 3), (0, 1)):
            with pytest.raises(UserError, match=r"is being prepared by .*\(rank-0-of-2\)"):
                share(corpus, tmp_path / "out", rank, world)


def plant(out: Path, name: str, **changes) -> Path:
    here = Holder.here()
    facts = {**{field: getattr(here, field) for field in Holder.__slots__}, **changes}
    path = Locks(out).path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts))
    return path


@pytest.mark.parametrize(
    "change", [{"pid": 2**22 + 1}, {"start": "1"}, None], ids=["dead", "number given again", "garbage"]
)
def test_a_lock_whose_process_is_gone_is_taken_away(corpus, tmp_path, whole, change):
    path = plant(tmp_path / "out", "rank-0-of-1", **(change or {}))
    if change is None:
        path.write_text("{")
    share(corpus, tmp_path / "out")
    assert content(tmp_path / "out") == whole("shards")
    assert not (tmp_path / "out" / LOCKS).exists()


def test_a_lock_of_another_machine_counts_while_it_is_touched(corpus, tmp_path):
    path = plant(tmp_path / "out", "rank-0-of-1", machine="elsewhere", host="elsewhere", pid=1)
    with pytest.raises(UserError, match=r"process 1 on elsewhere.*if it is gone, remove '.*rank-0-of-1\.json'"):
        share(corpus, tmp_path / "out")
    old = path.stat().st_mtime - 1000
    os.utime(path, (old, old))
    share(corpus, tmp_path / "out")
    assert not path.exists()


@pytest.mark.parametrize("left", ["{", None], ids=["damaged", "dead"])
def test_a_lock_that_changes_hands_while_it_is_looked_at_is_left_alone(tmp_path, monkeypatch, left):
    path = plant(tmp_path, "a", pid=2**22 + 1)
    if left is not None:
        path.write_text(left)

    def meanwhile(*args):  # the lock of one that is gone was taken away, and another process holds it now
        monkeypatch.setattr(locks_module, "_holder", real)
        found = real(*args)
        path.unlink()
        plant(tmp_path, "a")
        return found

    real = locks_module._holder
    monkeypatch.setattr(locks_module, "_holder", meanwhile)
    Locks(tmp_path).holders()
    assert Locks(tmp_path).holders() == {"a": Holder.here()}


def test_a_lock_is_held_by_one_and_given_back(tmp_path):
    locks = Locks(tmp_path)
    with locks.held("a") as other:
        assert other is None
        with locks.held("a") as other, locks.held("b") as free:
            assert (other, free) == (Holder.here(), None)
        assert set(locks.holders()) == {"a"}
    assert not (tmp_path / LOCKS).exists()


# --- the plan --------------------------------------------------------------------------------------------------------


def test_the_cut_is_a_function_of_the_sorted_ids():
    ids = [f"{number:03d}" for number in range(100)]
    made = Plan.of(reversed(ids), options(Path("a"), Path("b"), "files"), first=7)
    assert made == Plan.of(ids, options(Path("a"), Path("b"), "files"), first=7)
    assert [len(made.part(number)) for number in made.numbers] == [GROUP, GROUP, GROUP, 4]
    assert [id for number in made.numbers for group in made.groups(number) for id in group] == ids
    shares = [number for rank in range(3) for number in made.share(rank, 3)]
    assert sorted(shares) == list(made.numbers)


def test_a_plan_comes_back_from_disk_and_a_damaged_or_newer_one_is_named(tmp_path):
    made = Plan.of(["b", "ä\u2028\n"], options(Path("a"), Path("b")), first=3)
    assert made.write(tmp_path)
    assert not made.write(tmp_path)
    assert read_plan(tmp_path) == made
    path = tmp_path / PARTS / "plan.jsonl"
    text = path.read_text()
    path.write_text(text.rpartition('"b"')[0])
    with pytest.raises(UserError, match=r"plan\.jsonl' is damaged .* Remove the folder"):
        read_plan(tmp_path)
    path.write_text(text.replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(UserError, match=r"format_version 2, this valle reads 1\. Update valle"):
        read_plan(tmp_path)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_part_file_damaged_by_hand_is_named_and_made_anew_once_it_is_removed(corpus, tmp_path, whole, storage):
    share(corpus, tmp_path / "out", 0, 2, storage=storage)
    path = tmp_path / "out" / PARTS / "000002.jsonl"
    path.write_text(path.read_text().replace("s1", "s9"))
    before = content(tmp_path / "out")
    with pytest.raises(UserError, match=r"000002\.jsonl' is damaged .*Remove it and run the same command again"):
        share(corpus, tmp_path / "out", storage=storage)
    assert content(tmp_path / "out") == before
    path.unlink()
    share(corpus, tmp_path / "out", storage=storage)
    assert content(tmp_path / "out") == whole(storage)


# --- who am I --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ((None, None), {}, (0, 1)),
        ((None, None), {"RANK": "1", "WORLD_SIZE": "3"}, (1, 3)),
        ((None, None), {"SLURM_PROCID": "2", "SLURM_NTASKS": "4"}, (2, 4)),
        ((None, None), {"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, (0, 1)),
        ((None, None), {"SLURM_NTASKS": "4"}, (0, 1)),
        ((None, None), {"RANK": "1", "WORLD_SIZE": "3", "SLURM_PROCID": "2", "SLURM_NTASKS": "4"}, (1, 3)),
        ((0, 2), {"RANK": "1", "WORLD_SIZE": "3"}, (0, 2)),
    ],
)
def test_the_rank_is_told_by_flags_then_torchrun_then_slurm(flags, environment, expected):
    found = find_ranks(*flags, environment)
    assert (found.rank, found.world_size) == expected


@pytest.mark.parametrize(
    ("flags", "environment", "complaint"),
    [
        ((1, None), {}, "belong together"),
        ((None, 2), {}, "belong together"),
        ((2, 2), {}, r"rank must be in \[0, 1\] .*--rank"),
        ((0, 0), {}, "world size must be at least 1"),
        ((None, None), {"RANK": "1"}, "RANK but not WORLD_SIZE"),
        (
            (None, None),
            {"RANK": "x", "WORLD_SIZE": "2"},
            r"RANK='x' in the environment is not a whole number",
        ),
        (
            (None, None),
            {"RANK": "5", "WORLD_SIZE": "2"},
            r"rank must be in \[0, 1\] \(world size 2\), got 5 \(RANK, WORLD_SIZE\)",
        ),
    ],
)
def test_half_a_rank_is_refused(flags, environment, complaint):
    with pytest.raises(UserError, match=complaint):
        find_ranks(*flags, environment)


def test_the_local_rank_picks_the_cuda_device(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert find_device("auto", {"LOCAL_RANK": "1"}) == "cuda:1"
    assert find_device("cuda", {"SLURM_LOCALID": "3"}) == "cuda:1"
    assert find_device("cuda:0", {"LOCAL_RANK": "1"}) == "cuda:0"
    assert find_device("cpu", {"LOCAL_RANK": "1"}) == "cpu"
    assert find_device("auto", {}) == "auto"
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert find_device("auto", {"LOCAL_RANK": "1"}) == "auto"


def test_prepare_from_python_needs_no_ranks(corpus, tmp_path, whole):
    prepare(options(corpus, tmp_path / "out"), codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    assert content(tmp_path / "out") == whole("shards")


def test_what_the_rank_beside_this_one_is_writing_is_not_swept(corpus, tmp_path):
    with Locks(tmp_path / "out").held(Ranks(rank=0, world_size=2).lock):
        for name in (f".a.{Holder.here().writer}.tmp", ".b.00000000.tmp"):
            (tmp_path / "out" / name).touch()
        share(corpus, tmp_path / "out", 1, 2)
    assert [path.name for path in (tmp_path / "out").glob(".*.tmp")] == [f".a.{Holder.here().writer}.tmp"]


def test_a_part_of_another_plan_is_made_anew(corpus, tmp_path, whole):
    share(corpus, tmp_path / "out", 1, 2)
    path = tmp_path / "out" / PARTS / "000001.jsonl"
    path.write_text(path.read_text().replace('"plan": "', '"plan": "0'))
    assert share(corpus, tmp_path / "out").prepared == 11  # and part 3 is kept
    assert content(tmp_path / "out") == whole("shards")
