"""The run, to be read downwards: systems before the judges, then one result."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from valle_eval.journal import Journal
from valle_eval.judges import OF_PHONES, OF_WORDS, Judge, Judges
from valle_eval.judging import Bench
from valle_eval.result import Result, Row
from valle_eval.sentences import Sentence, texts_hash
from valle_eval.systems import System

Progress = Callable[[int, int, str], None]
"""Utterances done, in all, and a few figures."""

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def go_offline() -> None:
    """Nothing is downloaded from here on: a judge that is fetched in passing would be another judge tomorrow."""
    for name in OFFLINE:
        os.environ.setdefault(name, "1")


def judge_systems(
    systems: Sequence[System], judges: Judges, journal: Journal, out: Path, progress: Progress
) -> list[Row]:
    """A row for each utterance of each system, in order."""
    bench, rows = Bench(judges, journal), []
    total = sum(len(system.cases) for system in systems)
    for system in systems:
        for sentence, case in system.cases:
            found = bench.judge(case, system.touched)
            case.sound.forget()
            for one in (case.reference, case.source):
                if one is not None:
                    one.forget()
            rows.append(
                Row(
                    system=system.name,
                    id=sentence.id,
                    text=sentence.text,
                    group=sentence.group,
                    audio=_beside(case.sound.path, out),
                    scores=found.scores,
                    transcript=found.transcript,
                    phones=" ".join(found.phones),
                    expected=" ".join(found.expected),
                )
            )
            progress(len(rows), total, system.name)
    return rows


def make_result(
    name: str,
    about: Mapping[str, Any],
    source: str,
    sentences: Sequence[Sentence],
    systems: Sequence[System],
    judges: Judges,
    rows: Sequence[Row],
    folder: Path,
) -> Result:
    """All that was found, with who judged."""
    expected = {"recording" if one.reference else "text" for one in sentences}
    return Result(
        name=name,
        about={"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine(), **about},
        sentences={"count": len(sentences), "hash": texts_hash(sentences), "source": source},
        systems={system.name: system.about for system in systems},
        figures=tuple(figure for judge in judges.metrics for figure in judge.metric.figures),
        judges={
            figure.name: identity_of(judge, judges, " or ".join(sorted(expected)))
            for judge in judges.metrics
            for figure in judge.metric.figures
        },
        rows=rows,
        folder=folder,
    )


def identity_of(judge: Judge, judges: Judges, expected: str) -> dict[str, str]:
    """What the numbers of a metric depend on, its recognizer's facts included."""
    identity = dict(judge.identity)
    for what, needs, listener in (("recognizer", OF_WORDS, judges.words), ("phonemes", OF_PHONES, judges.phones)):
        if listener is not None and judge.needs & needs:
            identity |= {f"{what} {key}": value for key, value in listener.identity.items()}
    if "expected" in judge.needs:
        identity["expected phonemes"] = f"of the {expected}"
    return identity


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"


def _beside(path: Path, out: Path) -> str:
    """Relative to the result's folder, wherever the file lies."""
    return Path(os.path.relpath(path, out)).as_posix()
