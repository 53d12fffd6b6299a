"""The script for a CUDA machine: every check runs small on a CPU, and what ends before its time says so."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from valle_bench import machine
from valle_bench.attention import cells, peaks
from valle_bench.runner import ask as asking
from valle_bench.runner.here import converse_here

STUDIES = Path(__file__).parents[2] / "studies"
PLUGINS = {"attention": "sdpa", "arch": "transformer", "codec": "tiny", "": ""}


@pytest.fixture
def cuda(monkeypatch):
    for name in ("cuda", "cuda_checks", "cuda_graphs"):  # NVIDIA's bindings are called cuda, too
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(STUDIES))
    import cuda

    return cuda


@pytest.fixture
def in_this_process(monkeypatch):
    """The worker of `bench attention` without a process."""

    monkeypatch.setattr(asking, "converse", converse_here)
    monkeypatch.setattr(cells, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(peaks, "SECONDS", 0.0)
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.0)


def rows_of(cuda, name, tmp_path):
    check = next(check for check in cuda.CHECKS if check.name == name)
    where = cuda.Where(device="cpu", tiny=True, out=tmp_path, plugin=PLUGINS[check.kind])
    cuda.write_rows(check, where, tmp_path / "rows")
    return [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]


GRAPHS = ["step-graphs", "pass-graphs", "push-graphs", "graph-speed"]
SMALL = ["environment", "kernels", "backbones", "codecs", "launches", *GRAPHS, "fa", "valle", "decode"]


@pytest.mark.parametrize("name", [*SMALL, pytest.param("training", marks=pytest.mark.slow)])
def test_every_check_runs_small_on_a_cpu(cuda, in_this_process, tmp_path, name):
    rows = rows_of(cuda, name, tmp_path)
    assert rows
    assert {"what", "ok", "found"} <= set(rows[0])
    assert not [row for row in rows if row["ok"] is False]


SLOW = [pytest.param("push-graphs", codec, marks=pytest.mark.slow) for codec in ("vocos", "encodec", "dac")]


@pytest.mark.parametrize(
    ("check", "plugin"),
    [*(("step-graphs", arch) for arch in ("llama", "retnet", "mamba", "mamba2")), ("pass-graphs", "llama"), *SLOW],
)
def test_graphs_are_tried_for_each_plugin_that_has_them(cuda, monkeypatch, tmp_path, check, plugin):
    monkeypatch.setitem(PLUGINS, "codec" if check == "push-graphs" else "arch", plugin)
    rows = rows_of(cuda, check, tmp_path)
    assert any(row["ok"] for row in rows)
    assert not [row for row in rows if row["ok"] is False]


def test_no_check_is_left_out_and_the_whole_ends_in_six_minutes(cuda):
    assert {check.name for check in cuda.CHECKS} == {*SMALL, "training"}
    assert cuda.CORRECTNESS + cuda.SPEED <= 360
    assert sum(check.seconds for check in cuda.CHECKS if check.speed) <= cuda.SPEED
    assert all(check.seconds <= cuda.CORRECTNESS for check in cuda.CHECKS if not check.speed)
    assert cuda.BLIND


def test_a_check_runs_for_each_plugin_of_its_kind(cuda, tmp_path):
    tasks = list(cuda.planned(tmp_path, "cpu"))
    kernels = [task.plugin for task in tasks if task.check.name == "kernels"]
    assert "sdpa" in kernels
    assert not {"cudnn", "mem_efficient"} & set(kernels)
    one = cuda.arguments(["--out", "x", "--check", "kernels", "--plugin", "flash"])
    assert [task.plugin for task in tasks if cuda.wanted(task, one)] == ["flash"]


def test_the_checks_are_listed_without_a_gpu(cuda, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cuda.py", "--list"])
    cuda.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [check.name for check in cuda.CHECKS]
    assert {"fused", "varlen", "xformers"} <= set(lines[1].replace(",", "").split())
    assert lines[-1] == "in all at most 170 s of correctness and 185 s of speed"


class Process:
    """Ends with a code after some seconds; the first polls find it running."""

    def __init__(self, code, seconds, pid=0):
        self.code, self.until, self.pid = code, time.monotonic() + seconds, pid

    def poll(self):
        return self.code if time.monotonic() >= self.until else None

    def wait(self):
        pass


def test_what_was_found_before_the_time_was_over_counts(cuda, monkeypatch, tmp_path):
    stopped = []
    monkeypatch.setattr(cuda.os, "killpg", lambda pid, signal: stopped.append(pid))
    ends = {"quick": (0, 0.0), "dies": (3, 0.0), "slow": (0, 60.0), "late": (0, 0.0)}
    check = cuda.Check(name="kernels", seconds=100, run=None, kind="attention")
    tasks = [cuda.Task(check, name, tmp_path / name) for name in ends]
    for task in tasks[:3]:
        task.rows.write_text(json.dumps({"what": "suite", "ok": True, "found": task.plugin}) + "\n")
        task.rows.with_suffix(".log").write_text("a traceback\nwhat went wrong\n")
    monkeypatch.setattr(cuda.Task, "start", lambda task, given: Process(*ends[task.plugin], pid=7))
    given = cuda.arguments(["--out", str(tmp_path)])
    rows = [row for found in cuda.finished(tasks, given, 0.3, 1) for row in found]
    shown = [(row["plugin"], row["ok"], row["found"]) for row in rows]
    assert shown[:3] == [
        ("quick", True, "quick"),
        ("dies", True, "dies"),
        ("dies", False, "exit code 3. what went wrong"),
    ]
    assert shown[3:] == [
        ("slow", True, "slow"),
        ("slow", False, "stopped: its 100 s or those of all checks were over. what went wrong"),
        ("late", False, "not begun: the time of all checks was over."),
    ]
    assert stopped == [7]
    cuda.write(tmp_path, rows, {"device": "cpu"})
    page = (tmp_path / "cuda.md").read_text()
    assert page.index("| dies | the process | NO |") < page.index("| quick | suite | yes |")
    facts = json.loads((tmp_path / "cuda.json").read_text())["facts"]
    assert {"commit", "date", "command", "written_blind", "torch"} <= set(facts)


def test_what_a_check_raises_is_a_row(cuda, tmp_path):
    def fails(where):
        yield {"what": "before", "ok": True, "found": ""}
        raise RuntimeError("no such kernel")

    where = cuda.Where(device="cpu", tiny=True, out=tmp_path)
    cuda.write_rows(cuda.Check(name="x", seconds=1, run=fails), where, tmp_path / "rows")
    last = json.loads((tmp_path / "rows").read_text().splitlines()[-1])
    assert last == {"what": "the check", "ok": False, "found": "RuntimeError: no such kernel"}
