"""Everything that only a CUDA machine can tell, in six minutes: correctness of all plugins there, then speed.

    python benchmarks/studies/cuda.py --out benchmarks/results

It needs the wheels of this tree, with valle-testing and valle-bench, and no network. The table `CHECKS` says what is
tried and for how long; each check of each plugin has a process of its own, and what it found before its time was over
counts. Writes cuda.json and cuda.md, and what `bench attention` writes in folders beside them. Checks of correctness
share the GPU; those of speed have it to themselves, afterwards.

`--list` prints the checks and which plugins they would try. `--device cpu --tiny --patience 5` runs every check small
on a CPU, to try this script itself; its figures then mean nothing. `BLIND` lists what was written without a GPU: until
cuda.json is there, nothing of it has run on one.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cuda_checks as checks
import cuda_graphs as graphs
from cuda_checks import Result, Where

from valle_bench.machine import provenance
from valle_bench.report import Column, Report
from valle_core.files import write_json, write_text
from valle_core.plugin import PluginSpec
from valle_core.registry.registry import Registry

STEM = "cuda"
MOST_AT_ONCE = 8
CORRECTNESS, SPEED = 170, 185
"""Seconds for all checks of correctness together, and for all of speed."""

BLIND = (
    "bench attention: clocks by events and graph replays, sizes of caches, peak memory, going on behind a CUDA error",
    "kernels on CUDA: mem_efficient and cudnn of sdpa, flex, xformers, flash_attn, varlen, fused as compiled",
    "backbones and codecs in bfloat16 and float16 on CUDA, and the compiled training step",
    "CUDA graphs (valle_kit.graphs) of decoding steps, passes of levels ≥ 1 and codec pushes; their fall-back, memory",
)
"""Written without a GPU at hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One line of the table.

    Attributes:
        name: on the command line.
        seconds: after which its process is stopped.
        run: gives rows with `what`, `ok` (None: a figure, not a verdict) and `found`.
        kind: it runs once for each plugin of the kind; "" for once.
        speed: it has the GPU to itself.
    """

    name: str
    seconds: int
    run: Callable[[Where], Iterator[Result]]
    kind: str = ""
    speed: bool = False


CHECKS = (
    Check(name="environment", seconds=20, run=checks.environment),
    Check(name="kernels", seconds=150, run=checks.kernel_suite, kind="attention"),
    Check(name="backbones", seconds=90, run=checks.backbone_suite, kind="arch"),
    Check(name="codecs", seconds=60, run=checks.codec_round_trip, kind="codec"),
    Check(name="training", seconds=120, run=checks.training_step, kind="arch"),
    Check(name="launches", seconds=30, run=checks.launches, kind="arch"),
    Check(name="step-graphs", seconds=40, run=graphs.steps, kind="arch"),
    Check(name="pass-graphs", seconds=30, run=graphs.passes, kind="arch"),
    Check(name="push-graphs", seconds=30, run=graphs.pushes, kind="codec"),
    Check(name="graph-speed", seconds=25, run=graphs.speed, speed=True),
    Check(name="fa", seconds=75, run=checks.bench_attention("fa", 55, lengths="1024,4096,16384"), speed=True),
    Check(name="valle", seconds=50, run=checks.bench_attention("valle", 35), speed=True),
    Check(name="decode", seconds=35, run=checks.bench_attention("decode", 20), speed=True),
)


@dataclass(frozen=True, slots=True)
class Task:
    """A check of a plugin, and where its process writes rows."""

    check: Check
    plugin: str
    rows: Path

    def start(self, given: argparse.Namespace) -> subprocess.Popen[bytes]:
        """Its process."""
        words = [sys.executable, __file__, "--check", self.check.name, "--plugin", self.plugin, "--rows", self.rows,
                 "--out", given.out, "--device", given.device, *(["--tiny"] if given.tiny else [])]  # fmt: skip
        with open(self.rows.with_suffix(".log"), "wb") as log:
            offline = os.environ | {"HF_HUB_OFFLINE": "1"}
            return subprocess.Popen(list(map(str, words)), stdout=log, stderr=log, env=offline, start_new_session=True)

    def found(self, ended: str) -> list[Result]:
        """What it wrote, and how it ended where that was before its time."""
        lines = self.rows.read_text(encoding="utf-8").splitlines() if self.rows.exists() else []
        rows: list[Result] = [json.loads(line) for line in lines]
        if ended:
            log = self.rows.with_suffix(".log")
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] if log.exists() else []
            rows.append({"what": "the process", "ok": False, "found": " ".join([ended, *last])[:400]})
        return [{"check": self.check.name, "plugin": self.plugin, **row} for row in rows]


def main() -> None:
    given = arguments()
    if given.check and given.rows:
        check = next(check for check in CHECKS if check.name == given.check)
        write_rows(check, Where(device=given.device, tiny=given.tiny, out=given.out, plugin=given.plugin), given.rows)
        return
    if given.list:
        print(*listed(given.device), sep="\n")
        return
    given.out.mkdir(parents=True, exist_ok=True)
    begun, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        tasks = [task for task in planned(Path(folder), given.device) if wanted(task, given)]
        for speed, limit in ((False, CORRECTNESS), (True, SPEED)):
            part = [task for task in tasks if task.check.speed == speed]
            for found in finished(part, given, limit * given.patience, 1 if speed else given.at_once):
                rows += found
                write(given.out, rows, {"seconds": round(time.monotonic() - begun), "device": given.device,
                                        "tiny": given.tiny})  # fmt: skip
    sys.exit(any(row["ok"] is False for row in rows))


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=not {"--list"} & set(sys.argv[1:] if words is None else words))
    parser.add_argument("--list", action="store_true", help="print the checks with their seconds and plugins, and end")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="small: to try the script itself")
    parser.add_argument("--check", default="", choices=("", *(check.name for check in CHECKS)), help="this one only")
    parser.add_argument("--at-once", type=int, default=MOST_AT_ONCE, help="processes of checks of correctness")
    parser.add_argument("--patience", type=float, default=1.0, help="times the seconds of every check, for a CPU")
    parser.add_argument("--plugin", default="", help="this plugin only, where a check is one of plugins")
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def planned(folder: Path, device: str) -> Iterator[Task]:
    """The checks, one for each plugin of their kind that runs on the device; other names of one thing once."""
    registry = Registry.open()
    for check in CHECKS:
        names = plugins_of(registry, check.kind, device) if check.kind else [""]
        for name in names:
            yield Task(check, name, folder / f"{check.name}-{name or 'all'}.jsonl")


def listed(device: str) -> Iterator[str]:
    """The table of checks: seconds at most of each, and the plugins that it would try on the device."""
    registry = Registry.open()
    for check in CHECKS:
        names = f" {check.kind}: {', '.join(plugins_of(registry, check.kind, device))}" if check.kind else ""
        yield f"{check.name:12} {check.seconds:4} s {'speed' if check.speed else 'correctness':11}{names}"
    yield f"in all at most {CORRECTNESS} s of correctness and {SPEED} s of speed"


def wanted(task: Task, given: argparse.Namespace) -> bool:
    """Whether a task was asked for."""
    return given.check in ("", task.check.name) and (not task.plugin or given.plugin in ("", task.plugin))


def plugins_of(registry: Registry, kind: str, device: str) -> list[str]:
    """The plugins of a kind that can run on the device."""
    found: dict[tuple[str, str], str] = {}
    for entry in registry.entries(kind):
        spec = entry.spec
        if entry.status == "ok" and isinstance(spec, PluginSpec) and device in (spec.devices or (device,)):
            found.setdefault((spec.factory, spec.options), entry.name)
    return list(found.values())


def finished(tasks: Sequence[Task], given: argparse.Namespace, limit: float, at_once: int) -> Iterator[list[Result]]:
    """The rows of each task as it ends; what has not ended when the limit is over is stopped and says so."""
    waiting, running = list(tasks), {}
    over = time.monotonic() + limit
    while waiting or running:
        now = time.monotonic()
        while waiting and len(running) < at_once and now < over:
            task = waiting.pop(0)
            running[task] = task.start(given), min(over, now + task.check.seconds * given.patience)
        for task, (process, stop) in list(running.items()):
            code = process.poll()
            if code is None and now < stop:
                continue
            ended = f"exit code {code}." if code else ""
            if code is None:
                os.killpg(process.pid, signal.SIGKILL)  # with the worker of its benchmark
                process.wait()
                ended = f"stopped: its {task.check.seconds} s or those of all checks were over."
            del running[task]
            yield task.found(ended)
        if now >= over and not running:
            for task in waiting:
                yield task.found("not begun: the time of all checks was over.")
            return
        time.sleep(0.05)


def write_rows(check: Check, where: Where, place: Path) -> None:
    """In the process of a check: each row as soon as it is there; what is raised is a row, too."""
    with open(place, "a", encoding="utf-8") as out:
        try:
            for row in check.run(where):
                out.write(json.dumps(row) + "\n")
                out.flush()
        except Exception as error:  # the other rows count
            row = {"what": "the check", "ok": False, "found": f"{type(error).__name__}: {error}"[:400]}
            out.write(json.dumps(row) + "\n")


def write(out: Path, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    """cuda.json and cuda.md: verdicts first, those that are wrong above all."""
    columns = [Column(key=key, title=key) for key in ("check", "plugin", "what", "ok", "found")]
    more = {
        **provenance(["torch", "triton", "valle-core"]),
        **facts,
        "command": shlex.join(["python", *sys.argv]),
        "written_blind": "; ".join(BLIND),
    }
    ordered = sorted(rows, key=lambda row: {False: 0, True: 1, None: 2}[row["ok"]])
    report = Report(title="Everything on CUDA", facts=more, rows=ordered, columns=columns)
    write_json(out / f"{STEM}.json", report.to_json())
    write_text(out / f"{STEM}.md", report.markdown())


if __name__ == "__main__":
    main()
