"""kill -9 and a full disk leave a folder that the same command completes to the same bytes."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from valle_core import files
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.storage.rows import hash_of
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus

KILLED_AT_RENAME = """
import os, signal, sys
from pathlib import Path
from valle_data.preparation import plan
from valle_data.preparation import prepare as module
from valle_data.preparation.options import PrepareOptions
from valle_testing.fakes.audio import FakeCodec, FakeFrontend

source, out, storage, renames = sys.argv[1:]
left, rename = int(renames), os.replace

def replace(*paths):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*paths)

os.replace = replace
plan.GROUP = 4
options = PrepareOptions(source=Path(source), out=Path(out), storage=storage, shard_size=4)
module.prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
"""


def child(source: Path, out: Path, storage: str, *, renames: int):
    command = [sys.executable, "-c", KILLED_AT_RENAME, str(source), str(out), storage, str(renames)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(source: Path, out: Path, storage: str):
    options = PrepareOptions(source=source, out=out, storage=storage, shard_size=4)
    return prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr("valle_data.preparation.plan.GROUP", 4)


@pytest.mark.parametrize(("storage", "renames"), [("files", 7), ("shards", 3), ("shards", 9), ("hdf5", 11)])
def test_after_kill_9_the_same_command_completes_the_dataset_to_the_same_bytes(
    tmp_path, storage, renames, small_groups
):
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4)
    (tmp_path / "corpus/train/s1/002.txt").unlink()
    run(tmp_path / "corpus", tmp_path / "whole", storage)
    killed = child(tmp_path / "corpus", tmp_path / "out", storage, renames=renames)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with pytest.raises(UserError, match="half-written"):
        open_dataset(tmp_path / "out")
    report = run(tmp_path / "corpus", tmp_path / "out", storage)
    for stale in (tmp_path / "out").rglob(".*.tmp"):
        pytest.fail(f"{stale} was left behind")
    assert report.utterances == 11
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_a_preparation_killed_at_every_rename_in_turn_still_ends_the_same(tmp_path, storage, small_groups):
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4)
    run(tmp_path / "corpus", tmp_path / "whole", storage)
    for renames in range(40):
        killed = child(tmp_path / "corpus", tmp_path / f"out{renames}", storage, renames=renames)
        run(tmp_path / "corpus", tmp_path / f"out{renames}", storage)
        assert content(tmp_path / f"out{renames}") == content(tmp_path / "whole")
        if killed.returncode == 0:
            return
    pytest.fail("the preparation renames more than 40 files")


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_a_full_disk_gives_one_line_and_nothing_half_written(tmp_path, storage, small_groups):
    """The kernel's own limit on file sizes stands for the full disk."""
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, before[1]))
    try:
        with pytest.raises(UserError, match="no space left while writing") as full:
            run(tmp_path / "corpus", tmp_path / "out", storage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(full.value)
    assert not list((tmp_path / "out").rglob("*.tmp"))
    run(tmp_path / "corpus", tmp_path / "out", storage)
    run(tmp_path / "corpus", tmp_path / "whole", storage)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_ctrl_c_loses_nothing_that_was_finished(tmp_path, small_groups):
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4)

    def interrupt(done, total, seconds):
        if done == 8:
            raise KeyboardInterrupt

    options = PrepareOptions(source=tmp_path / "corpus", out=tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake", progress=interrupt)
    report = run(tmp_path / "corpus", tmp_path / "out", "files")
    assert (report.kept, report.prepared) == (4, 8)


def test_a_failed_write_keeps_the_old_file_and_names_the_place(tmp_path, monkeypatch):
    files.write_text(tmp_path / "a.txt", "old")

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match=r"no space left while writing .*a\.txt"):
        files.write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_while_a_changed_recording_is_prepared_again_the_dataset_is_refused(tmp_path, small_groups):
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4)
    run(tmp_path / "corpus", tmp_path / "out", "files")
    tone_corpus(tmp_path / "corpus", speakers=3, utterances=4, seed=1)

    def interrupt(done, total, seconds):
        if done >= 8:
            raise KeyboardInterrupt

    options = PrepareOptions(source=tmp_path / "corpus", out=tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake", progress=interrupt)
    with pytest.raises(UserError, match="half-written"):
        open_dataset(tmp_path / "out")
    run(tmp_path / "corpus", tmp_path / "out", "files")
    dataset = open_dataset(tmp_path / "out")
    assert all(hash_of(dataset.record(id)) == dataset.row(id).hash for id in dataset.ids)
