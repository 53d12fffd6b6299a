"""Runs of `valle train`, and of what stands beside it, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

from valle_bench.train.corpus import FRAME_RATE, write_corpus
from valle_bench.train.settings import Settings
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads, read_json

NEAR = 1e-3
"""How far losses of the same steps may be apart: rounding grows with every step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One row of the table; speeds are of positions that are not padding, memory of the largest of its processes."""

    what: str
    setting: str
    processes: int
    threads: int
    tokens_per_s: float | None = None
    audio_per_s: float | None = None
    padding: float | None = None
    waiting: float | None = None
    peak_mib: float | None = None
    losses: tuple[float, ...] = ()
    match: bool | None = None
    ratio: float | None = None
    note: str = ""


Tell = Callable[[int, int, str], None]


def run(settings: Settings, titles: Sequence[str], tell: Tell) -> list[Found]:
    """Every setting, in turns; of the repeats of each the fastest."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = write_corpus(place / "data", settings.lengths, settings.utterances)
        tell(0, 1, "losses of the first steps")
        mine, answers = _losses(settings, data, place, titles)
        jobs = list(_jobs(settings, data, place, answers))
        best: dict[tuple[Any, ...], Found] = {}
        done, total = 0, settings.repeats * len(jobs)
        for _ in range(settings.repeats):
            for name, job in jobs:
                tell(done, total, name)
                found = job()
                key = (found.what, found.setting, found.processes, found.threads)
                if key not in best or (found.tokens_per_s or 0.0) > (best[key].tokens_per_s or 0.0):
                    best[key] = found
                done += 1
        tell(done, total, "")
        return _compared(list(best.values()), mine, {title: answer["losses"] for title, answer in answers.items()})


def _jobs(
    settings: Settings, data: Path, place: Path, answers: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Callable[[], Found]]]:
    """What is measured, by name."""
    for attention in settings.attention:
        yield f"valle train, {attention}", partial(ours, settings, data, place, attention, 1, settings.threads)
    for title, answer in answers.items():
        for setting in answer["settings"]:
            yield f"{title}, {setting}", partial(theirs, settings, data, place, title, setting)
    for processes in (1, 2) if settings.threads > 1 else (2,):
        yield f"{processes} × 1 thread", partial(ours, settings, data, place, settings.attention[0], processes, 1)


def ours(settings: Settings, data: Path, place: Path, attention: str, processes: int, threads: int) -> Found:
    """`valle train`, alone or with a launcher."""
    steps, every = settings.first + settings.steps, settings.first
    lines, peak, note = _train(settings, data, place, attention, processes, threads, steps, every)
    here = {"what": "valle train", "setting": f"attention {attention}", "processes": processes, "threads": threads}
    measured = lines[1:]
    if not measured:
        return Found(**here, note=note or "it gave no figures")
    return Found(
        **here,
        tokens_per_s=harmonic_mean([line["tokens_per_second"] for line in measured]),
        audio_per_s=harmonic_mean([line["audio_seconds_per_second"] for line in measured]),
        padding=sum(line["padding"] for line in measured) / len(measured),
        waiting=sum(line["data_seconds_per_second"] for line in measured) / len(measured),
        peak_mib=peak,
    )


def theirs(settings: Settings, data: Path, place: Path, title: str, setting: str) -> Found:
    """Another trainer in one of its settings."""
    here = {"what": title, "setting": setting, "processes": 1, "threads": settings.threads}
    answer, peak = _ask(settings, data, place, title, setting, settings.first + settings.steps)
    if "steps" not in answer:
        return Found(**here, note=answer.get("note", "it gave no figures"))
    at = [step[0] for step in answer["steps"]]
    tokens, positions = (sum(step[i] for step in answer["steps"][settings.first :]) for i in (1, 2))
    return Found(
        **here,
        tokens_per_s=tokens / (at[-1] - at[settings.first - 1]),
        padding=1 - tokens / positions,
        peak_mib=peak,
        note=f"{answer['batch']} rows a batch",
    )


def _losses(
    settings: Settings, data: Path, place: Path, titles: Sequence[str]
) -> tuple[dict[str, tuple[float, ...]], dict[str, dict[str, Any]]]:
    """Of the first steps: ours by kernel, and by title what the others answer over the same batches.

    Raises:
        UserError: one of them does not run here.
    """
    mine = {}
    for attention in settings.attention:
        lines, _, note = _train(settings, data, place, attention, 1, settings.threads, settings.equal, 1)
        if note:
            raise UserError(f"valle train does not run here: {note.removeprefix('error: ')}")
        mine[f"attention {attention}"] = tuple(line["loss"] for line in lines)
    answers = {title: _ask(settings, data, place, title, "", settings.equal)[0] for title in titles}
    for title, answer in answers.items():
        if "losses" not in answer:
            raise UserError(f"{title} does not run here: {answer.get('note', 'it gave no losses')}")
    return mine, answers


def _compared(
    found: list[Found], mine: Mapping[str, tuple[float, ...]], others: Mapping[str, Sequence[float]]
) -> list[Found]:
    """With losses, whether they are equal, and how many times the fastest of the others each of ours is."""
    best = max((row.tokens_per_s or 0.0 for row in found if row.what in others), default=0.0)
    rows = []
    for row in found:
        losses = tuple(others.get(row.what) or mine.get(row.setting, ()))
        beside = next(iter(others.values()), ()) if row.what not in others else next(iter(mine.values()), ())
        match = equal(losses, beside) if losses and beside else None
        alike = row.what not in others and row.tokens_per_s is not None and best > 0
        ratio = row.tokens_per_s / best if alike and match and row.tokens_per_s is not None else None
        rows.append(Found(**{**asdict(row), "losses": losses, "match": match, "ratio": ratio}))
    return rows


def equal(mine: Sequence[float], others: Sequence[float]) -> bool:
    """Whether losses of the same steps are the same."""
    return len(mine) == len(others) and all(abs(a - b) <= NEAR * abs(b) for a, b in zip(mine, others, strict=True))


def _train(
    settings: Settings, data: Path, place: Path, attention: str, processes: int, threads: int, steps: int, every: int
) -> tuple[list[dict[str, Any]], float, str]:
    """The metrics of a run, its peak memory, and the last line of what it said where it failed."""
    out = Path(tempfile.mkdtemp(dir=place)) / "run"
    flags = settings.flags(str(data), str(out), attention=attention, steps=steps, log_every=every)
    words = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    peak, said = _process([*launcher, "-m", "valle_cli", "train", *words, "--quiet"], threads)
    metrics = out / "metrics.jsonl"
    lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.exists() else []
    return [line for text in lines if isinstance(line := loads(text), dict)], peak, said


def _ask(
    settings: Settings, data: Path, place: Path, title: str, setting: str, steps: int
) -> tuple[dict[str, Any], float]:
    """What the worker answers, and its peak memory."""
    out = Path(tempfile.mkdtemp(dir=place)) / "answer.json"
    flags = settings.flags(str(data), str(place / "none"), attention="sdpa", steps=steps, log_every=1)
    asked = {"flags": flags, "title": title, "setting": setting, "steps": steps, "rate": settings.lr,
             "threads": settings.threads}  # fmt: skip
    peak, said = _process(["-m", "valle_bench.train.worker", json.dumps(asked), str(out)], settings.threads)
    answer = read_json(out) if out.exists() else {"note": said}
    return (answer if isinstance(answer, dict) else {"note": said}), peak


def _process(words: Sequence[str], threads: int) -> tuple[float, str]:
    """Peak memory of a Python process and its own (of the largest of them), MiB; and its last words if it failed."""
    offline = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log, env=offline)
        try:
            _, status, usage = os.wait4(started.pid, 0)
        except BaseException:
            started.kill()
            raise
        started.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    failed = next((line for line in said if line.startswith("error:")), said[-1] if said else "it failed")
    return usage.ru_maxrss / 1024, failed if started.returncode else ""


def scaling(rows: Sequence[Found]) -> str:
    """How many times the tokens/s of one process with one thread two of them have, as a line."""
    speeds = {(row.processes, row.setting): row.tokens_per_s for row in rows if row.threads == 1 and row.tokens_per_s}
    for (processes, setting), speed in speeds.items():
        if processes > 1 and (1, setting) in speeds:
            return f"{speed / speeds[1, setting]:.2f} × tokens/s, one thread each ({setting})"
    return "not measured"


def audio_of(rows: Sequence[Found], settings: Settings) -> str:
    """What was trained on, in a line."""
    return (
        f"{settings.utterances} utterances as long as those of '{settings.lengths}' at {FRAME_RATE:g} frames a second, "
        f"batches of {settings.seconds:g} s with prompts and texts"
    )


def refuse(titles: Sequence[str]) -> None:
    """Raises `UserError` where there is nothing to stand beside."""
    if not titles:
        raise UserError("no installed plugin brings a trainer. See: valle list-plugins --kind reference")
