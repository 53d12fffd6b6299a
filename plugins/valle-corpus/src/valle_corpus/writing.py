"""A synthetic multi-speaker corpus on disk: wav, transcript, exact phoneme times, and a table of all of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import wave
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from valle_core.api import write_text
from valle_core.plugin import UserError
from valle_corpus.engines.engine import Engine, Span, Spoken
from valle_corpus.engines.known import build_engine, engine_row
from valle_corpus.matching import Read, durations_of
from valle_corpus.plan import GROUPS, CorpusPlan, Item, check_plan, items

FORMAT_VERSION = 1
PLAN = "corpus.json"

Progress = Callable[[str, int, int, float], None]
"""Receives the group, utterances done and in all, and seconds of audio."""


def resample(audio: np.ndarray, given: int, wanted: int) -> np.ndarray:
    """int16 audio at another rate."""
    return audio if given == wanted else soxr.resample(audio, given, wanted, quality="HQ")


@lru_cache(maxsize=1)
def _engine(name: str, options: tuple[tuple[str, str], ...]) -> Engine:
    """The engine of this process: opening one may take seconds."""
    return open_engine(name, dict(options))


def open_engine(name: str, options: Mapping[str, str] | None) -> Engine:
    """An engine with the options of a plan, in which folders are text."""
    return build_engine(name, {key: Path(value) for key, value in (options or {}).items()})


def write_utterance(folder: str, item: Item, engine: str, options: tuple[tuple[str, str], ...]) -> float | None:
    """Speak one item into `.wav`, `.txt` and `.json` (written last, so its presence means complete); seconds.

    What is there already stays. None where the engine cannot say the text; then its `.json` says why.
    """
    path = Path(folder) / item.stem
    done = path.with_suffix(".json")
    if done.exists():
        facts = _read(done)
        return None if "refused" in facts else float(facts["seconds"])
    path.parent.mkdir(parents=True, exist_ok=True)
    speaks = _engine(engine, options)
    known = {"format_version": FORMAT_VERSION, "text": item.text, "language": item.speaker.language}
    known |= {"speaker": item.speaker.name, "voice": dict(item.speaker.settings)}
    try:
        spoken = speaks.speak(item.text, item.speaker, seed=item.seed)
    except UserError as error:
        _write_json(done, {**known, "refused": str(error)})
        return None
    audio = resample(spoken.audio, speaks.sample_rate, item.sample_rate)
    seconds = len(audio) / item.sample_rate
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(item.sample_rate)
        file.writeframes(np.ascontiguousarray(audio, dtype="<i2").tobytes())
    path.with_suffix(".txt").write_text(item.text + "\n", encoding="utf-8")
    _write_json(done, {**known, **_times(spoken, item.sample_rate, seconds)})
    return seconds


def _times(spoken: Spoken, sample_rate: int, seconds: float) -> dict[str, Any]:
    def row(span: Span) -> list[str | float]:
        return [span.label, round(min(span.start, seconds), 6), round(min(span.end, seconds), 6)]

    facts = {
        "sample_rate": sample_rate,
        "seconds": round(seconds, 6),
        "phonemes": [row(span) for span in spoken.phonemes],
        "words": [row(span) for span in spoken.words],
    }
    return facts | ({"symbols": list(spoken.symbols)} if spoken.symbols else {})


def _write_json(path: Path, facts: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' cannot be read ({why}). Delete it and run the same command again") from error
    if not isinstance(facts, dict) or not ("seconds" in facts or "refused" in facts):
        raise UserError(f"'{path}' is not of a corpus. Delete it and run the same command again")
    return facts


def write_corpus(
    folder: Path, plan: CorpusPlan, *, workers: int = 2, progress: Progress | None = None, read: Read | None = None
) -> dict[str, float]:
    """Write the corpus under `folder/{train,held-out}/{speaker}/`, and a table of each group; seconds per group.

    A folder that was begun with the same plan goes on where it stopped. `read` gives the symbols that the times of an
    engine without symbols of its own are dealt to.

    Raises:
        UserError: the folder holds something else, the plan is empty, or the engine is not there.
    """
    engine = open_engine(plan.engine, plan.options)
    check_plan(plan, engine)
    groups = {group: items(plan, engine, group) for group in GROUPS}
    _write_plan(folder, plan)
    seconds: dict[str, float] = {}
    for group, planned in groups.items():
        done = _spoken(folder, planned, plan, workers, group, progress)
        seconds[group] = sum(filter(None, done))
        if done:
            _write_table(folder, group, planned[: len(done)], read)
    _write_json(folder / PLAN, _summary(plan, seconds))
    return seconds


def _summary(plan: CorpusPlan, seconds: Mapping[str, float] | None) -> dict[str, Any]:
    made_of = engine_row(plan.engine).licence
    return {"format_version": FORMAT_VERSION, "plan": plan.to_json(), "source": made_of, "seconds": seconds}


def _write_plan(folder: Path, plan: CorpusPlan) -> None:
    """Begin in an empty folder, or go on with the same plan."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        begun = folder / PLAN
        if not begun.is_file():
            raise UserError(f"'{folder}' is not an empty folder. Choose another --out")
        try:
            stored = json.loads(begun.read_text(encoding="utf-8"))["plan"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"'{begun}' cannot be read ({getattr(error, 'strerror', None) or repr(error)}). Choose another --out"
            ) from error
        if stored != json.loads(json.dumps(plan.to_json())):
            raise UserError(f"'{folder}' holds a corpus of another plan. Give the same options, or another --out")
        return
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / PLAN, _summary(plan, None))


def _spoken(
    folder: Path, planned: Sequence[Item], plan: CorpusPlan, workers: int, group: str, progress: Progress | None
) -> list[float | None]:
    """Durations of the written items; the bound is checked after whole rounds of 32, whatever the workers."""
    done: list[float | None] = []
    options = tuple(sorted((plan.options or {}).items()))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context) if workers > 1 else None
    try:
        for start in range(0, len(planned), 32):
            batch = planned[start : start + 32]
            rows = [[str(folder)] * len(batch), batch, [plan.engine] * len(batch), [options] * len(batch)]
            done.extend(pool.map(write_utterance, *rows) if pool else map(write_utterance, *rows))
            total = sum(filter(None, done))
            if progress:
                progress(group, len(done), len(planned), total)
            if plan.minutes and total >= plan.minutes * 60:
                break
    finally:
        if pool:
            pool.shutdown()
    return done


def _write_table(folder: Path, group: str, written: Sequence[Item], read: Read | None) -> None:
    """`{group}.jsonl` for `valle prepare`: audio, text, speaker, language, and phones with durations where known."""
    rows = []
    for item in written:
        facts = _read((folder / item.stem).with_suffix(".json"))
        if "refused" in facts:
            continue
        row = {"audio": f"{item.stem}.wav", "text": item.text, "speaker": f"{group}/{item.speaker.name}"}
        row |= {"id": item.stem, "language": item.speaker.language}
        rows.append(row | _phones(facts, read))
    write_text(folder / f"{group}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _phones(facts: Mapping[str, Any], read: Read | None) -> dict[str, Any]:
    """Symbols of a frontend with the seconds of each, one before and one after; nothing where there are none."""
    symbols, spans = facts.get("symbols"), facts["phonemes"]
    if not symbols and read is not None:
        symbols = list(read(facts["text"], facts["language"]))
        durations = durations_of(symbols, spans)
        return {"phones": symbols, "durations": durations} if symbols and durations else {}
    if not symbols or len(spans) != len(symbols) + 2:
        return {}
    return {"phones": symbols, "durations": [round(end - start, 6) for _, start, end in spans]}
