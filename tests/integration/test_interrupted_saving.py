"""A full disk, Ctrl-C and kill -9 while files are being written: the old content or the new, never half of either."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import soundfile

from valle import speech
from valle_core.checkpoint import folder


@contextlib.contextmanager
def full_after(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: writes fail in the kernel, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def run(spine, tmp_path):
    """A run of ten steps that may be continued."""
    shutil.copytree(spine.run, tmp_path / "run")
    return tmp_path / "run"


def resuming(spine, run, *more: str) -> list[str]:
    return spine.training(run, "--resume", "--steps", "12", *more)


def checkpoints(run) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


# --- a full disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10_000, 500_000, 1_000_000], ids=["early", "in the model", "in the optimizer"])
def test_a_disk_that_fills_while_a_checkpoint_is_saved_costs_only_that_checkpoint(valle, spine, run, size):
    with full_after(size):
        code, _, err = valle(*resuming(spine, run))
    assert code == 2
    assert next(line for line in err.splitlines() if line.startswith("error: ")).endswith("resume with --resume")
    assert checkpoints(run) == ["step-00000010"]
    code, out, err = valle(*resuming(spine, run, "--json"))
    assert code == 0, err
    assert json.loads(out)["step"] == 12


def test_a_disk_that_is_full_for_the_metrics_is_told_in_one_line(valle, spine, run):
    enough, metrics = (run / "config.yaml").stat().st_size + 200, run / "metrics.jsonl"
    metrics.write_text(metrics.read_text() * (enough // metrics.stat().st_size + 1))
    with full_after(enough):
        code, _, err = valle(*resuming(spine, run, "--log-every", "1"))
    assert code == 2, err
    assert "metrics.jsonl" in err
    assert checkpoints(run) == ["step-00000010"]
    assert valle(*resuming(spine, run))[0] == 0


def test_no_space_left_is_told_by_the_kernels_own_number(valle, spine, run, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folder, "_flush", refuse)
    code, _, err = valle(*resuming(spine, run))
    assert code == 2
    assert "no space left on device; make room" in err
    assert checkpoints(run) == ["step-00000010"]


@pytest.mark.parametrize("size", [0, 5_000])
def test_speech_that_finds_no_room_leaves_what_was_there(valle, spine, tmp_path, monkeypatch, size):
    real = speech.write

    def write(*arguments):
        with full_after(size):
            real(*arguments)

    monkeypatch.setattr(speech, "write", write)
    (tmp_path / "o.wav").write_bytes(b"precious")
    code, _, err = valle(*spine.speaking(tmp_path / "o.wav"))
    assert (code, err.count("error: ")) == (2, 1)
    assert "o.wav" in err
    assert (tmp_path / "o.wav").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["o.wav"]


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_a_preparation_that_finds_no_room_is_completed_later(valle, spine, tmp_path, storage):
    words = ["prepare", str(spine.recordings), "--out", str(tmp_path / "data"), "--codec", "mel-gl", "--device", "cpu",
             "--storage", storage, "--quiet"]  # fmt: skip
    with full_after(700):
        code, _, err = valle(*words)
    assert (code, err.count("error: ")) == (2, 1), err
    assert not list((tmp_path / "data").rglob("*.tmp"))
    training = spine.training(tmp_path / "r")
    training[2] = str(tmp_path / "data")
    assert valle(*training)[0] == 2
    assert valle(*words)[0] == 0
    assert valle(*training)[0] == 0


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def listening_to_ctrl_c():
    """A shell that started the tests in the background made them deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_while_a_checkpoint_is_saved_waits_for_it_and_saves(valle, spine, run, monkeypatch):
    real, pressed = folder.save_file, []

    def save(*arguments):
        if not pressed:
            pressed.append(True)
            press_ctrl_c()
        real(*arguments)

    monkeypatch.setattr(folder, "save_file", save)
    code, out, err = valle(*resuming(spine, run, "--checkpoint-every", "1", "--json"))
    assert (code, json.loads(out)["ended_by"], json.loads(out)["step"]) == (130, "interrupted", 12), err
    assert checkpoints(run) == ["step-00000010", "step-00000011", "step-00000012"]


def test_a_second_ctrl_c_stops_at_once_and_costs_only_that_checkpoint(valle, spine, run, monkeypatch):
    real, saved = folder.save_file, []

    def save(tensors, path):
        real(tensors, path)
        saved.append(path.name)
        if len(saved) == 2:
            press_ctrl_c()
            press_ctrl_c()

    monkeypatch.setattr(folder, "save_file", save)
    code, _, err = valle(*resuming(spine, run))
    assert code == 130
    assert err.splitlines()[-1] == "error: interrupted"
    assert checkpoints(run) == ["step-00000010"]
    monkeypatch.undo()
    assert valle(*resuming(spine, run))[0] == 0


def test_ctrl_c_while_speech_is_written_leaves_what_was_there(valle, spine, tmp_path, monkeypatch):
    def flush(_):
        assert [path.name.startswith(".o.wav") for path in tmp_path.iterdir()].count(True) == 1
        press_ctrl_c()

    monkeypatch.setattr(os, "fsync", flush)
    (tmp_path / "o.wav").write_bytes(b"precious")
    code, _, err = valle(*spine.speaking(tmp_path / "o.wav"))
    assert (code, err.splitlines()[-1]) == (130, "error: interrupted")
    assert (tmp_path / "o.wav").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["o.wav"]


def test_ctrl_c_in_a_preparation_keeps_what_was_finished(valle, spine, tmp_path, monkeypatch):
    from valle_data.preparation import work

    real, parts = work.write_part, []

    def write_part(*arguments, **options):
        locations = real(*arguments, **options)
        parts.append(True)
        press_ctrl_c()
        return locations

    words = ["prepare", str(spine.recordings), "--out", str(tmp_path / "data"), "--codec", "mel-gl", "--device", "cpu",
             "--quiet"]  # fmt: skip
    monkeypatch.setattr(work, "write_part", write_part)
    code, _, err = valle(*words)
    assert parts, "nothing was interrupted"
    assert (code, err.splitlines()[-1]) == (130, "error: interrupted")
    monkeypatch.undo()
    assert valle(*words)[0] == 0
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == sorted(p.name for p in spine.data.iterdir())


# --- kill -9 ---------------------------------------------------------------------------------------------------------

DIE = """
import os, signal, sys
from valle_cli.main import run
module, name, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
owner = __import__(module, fromlist=[name])
real = getattr(owner, name)
def killing(*arguments, **options):
    global calls
    calls -= 1
    if calls == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
setattr(owner, name, killing)
run(sys.argv[4:])
"""


def killed(where: str, call: int, words: list[str]) -> None:
    """Run `valle WORDS` in a process that is killed by the `call`-th use of `where` (`module:name`)."""
    module, _, name = where.partition(":")
    done = subprocess.run([sys.executable, "-c", DIE, module, name, str(call), *words], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(
    ("where", "call"),
    [
        ("valle_core.checkpoint.folder:save_file", 2),
        pytest.param("valle_core.checkpoint.folder:_flush", 1, marks=pytest.mark.slow),
        pytest.param("valle_core.checkpoint.folder:_flush", 5, marks=pytest.mark.slow),
        pytest.param("valle_core.checkpoint.folder:_flush", 6, marks=pytest.mark.slow),
    ],
)
def test_a_process_killed_while_it_saves_a_checkpoint_loses_at_most_that_one(valle, spine, run, where, call):
    killed(where, call, resuming(spine, run))
    whole = [name for name in checkpoints(run) if name.startswith("step-")]
    assert whole in (["step-00000010"], ["step-00000010", "step-00000012"])
    code, _, err = valle("synth", "the boat", "--model", run, "--out", run.parent / "o.wav", "--max-duration", "0.2")
    assert code == 0, err
    assert valle(*resuming(spine, run))[0] == 0
    code, _, err = valle(*spine.training(run, "--resume", "--steps", "13"))
    assert code == 0, err
    assert all(name.startswith("step-") for name in checkpoints(run)), "leftovers are swept by the next save"


def test_a_process_killed_while_it_writes_speech_leaves_what_was_there(valle, spine, tmp_path):
    (tmp_path / "o.wav").write_bytes(b"precious")
    killed("os:replace", 1, spine.speaking(tmp_path / "o.wav"))
    assert (tmp_path / "o.wav").read_bytes() == b"precious"
    assert valle(*spine.speaking(tmp_path / "o.wav"))[0] == 0
    assert soundfile.info(tmp_path / "o.wav").duration > 0


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 3, 5])
def test_a_process_killed_in_a_preparation_is_completed_to_the_same_dataset(valle, spine, tmp_path, call):
    words = ["prepare", str(spine.recordings), "--out", str(tmp_path / "data"), "--codec", "mel-gl", "--device", "cpu",
             "--quiet"]  # fmt: skip
    killed("os:replace", call, words)
    assert valle(*words)[0] == 0
    for name in ("index.jsonl", "dataset.json"):
        assert (tmp_path / "data" / name).read_bytes() == (spine.data / name).read_bytes()
