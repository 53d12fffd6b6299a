"""A synthetic manifest of 10⁶ utterances: seconds and memory to open it, seconds to plan an epoch, and reading rates.

    python benchmarks/studies/dataset_scale.py --out benchmarks/results
    python benchmarks/studies/dataset_scale.py --utterances 20000 --records 200      (a look)

Every row is measured in a process of its own, so that its peak memory is its own. Writes `dataset-scale.json` and
`dataset-scale.md`.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from valle_bench.machine import describe, provenance
from valle_bench.report import Column, Report
from valle_core.data.dataset import open_dataset
from valle_core.data.options import STORAGES, BatchOptions
from valle_core.data.record import IndexEntry
from valle_data.batching.batches import Batches
from valle_data.made_dataset import made_records, write_dataset, write_facts
from valle_data.storage.columns import COLUMNS

WORDS = ("the", "boat", "sails", "tonight", "over", "quiet", "sea", "and", "nobody", "on", "shore", "hears", "it", "go")
ORDERS = ("random", "interleaved", "by-speaker")


def rows(count: int) -> Iterator[IndexEntry]:
    """Lines of an index as a corpus of 2000 speakers would have them: 1–16 s and 5–25 words each."""
    rng = Random(0)
    for number in range(count):
        frames = round(rng.triangular(50, 800, 250))
        speaker = f"train/speaker-{number * 2000 // count:04d}"
        yield IndexEntry(
            id=f"{speaker}/{number:07d}",
            speaker=speaker,
            language="en-us",
            text=" ".join(rng.choices(WORDS, k=rng.randint(5, 25))),
            seconds=frames / 50,
            frames=frames,
            location=(f"shards/{number // 512:06d}.safetensors", number % 512),
            hash=f"{rng.getrandbits(64):016x}",
        )


def opening(folder: Path) -> dict[str, Any]:
    dataset = open_dataset(folder, part="train")
    return {"utterances": len(dataset)}


def planning(folder: Path, order: Any) -> Callable[[Path], dict[str, Any]]:
    dataset = open_dataset(folder, part="train")

    def plan(_: Path) -> dict[str, Any]:
        batches = Batches(dataset, BatchOptions(seconds=60.0, order=order))
        return {"utterances": len(dataset), "batches": len(batches)}

    return plan


def reading(folder: Path) -> dict[str, Any]:
    dataset = open_dataset(folder)
    count = sum(len(utterance.codes) > 0 for utterance in dataset.utterances())
    return {"utterances": count, "audio_seconds": float(dataset.durations.sum())}


def drawing(folder: Path) -> dict[str, Any]:
    dataset = open_dataset(folder)
    for batch in Batches(dataset, BatchOptions(seconds=60.0)):
        for id in batch:
            dataset.utterance(id)
    return {"utterances": len(dataset), "audio_seconds": float(dataset.durations.sum())}


def measured(what: str, folder: Path) -> dict[str, Any]:
    """Run one piece of work in this process; its seconds and what it added to the process's peak memory."""
    name, _, order = what.partition(":")
    work = planning(folder, order) if name == "plan" else {"open": opening, "read": reading, "draw": drawing}[name]
    before = peak_memory()
    begin = time.perf_counter()
    facts = work(folder)
    seconds = time.perf_counter() - begin
    return {**facts, "seconds": seconds, "added_mb": peak_memory() - before, "peak_mb": peak_memory()}


def peak_memory() -> float:
    """Most megabytes this process has held, mapped files included (Linux; `getrusage` would count its parent, too)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def in_own_process(label: str, what: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, "--folder", str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = {"what": label, **json.loads(done.stdout)}
    rate = found["audio_seconds"] / found["seconds"] if "audio_seconds" in found else "-"
    print(f"{label}: {found['seconds']:.2f} s, {found['added_mb']:.0f} MB added", file=sys.stderr)
    return {**found, "rate": rate}


def compare(folder: Path, utterances: int, records: int) -> list[dict[str, Any]]:
    large = folder / "large"
    large.mkdir()
    held_out = tuple(row.id for row in rows(utterances) if int(row.hash[:2], 16) < 5)
    write_facts(large, rows(utterances), storage="shards", held_out=held_out, phonemes=set(WORDS))
    found = [in_own_process("open", "open", large)]
    found += [in_own_process(f"plan an epoch, {order}", f"plan:{order}", large) for order in ORDERS]
    (large / COLUMNS).unlink()
    found.append(in_own_process("open without columns (older valle)", "open", large))
    made = list(made_records(records))
    for storage in STORAGES:
        write_dataset(folder / storage, made, storage=storage)
        found.append(in_own_process(f"read from front to back, {storage}", "read", folder / storage))
        found.append(in_own_process(f"read in the order of batches, {storage}", "draw", folder / storage))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=1_000_000, help="of the manifest that is opened and planned")
    parser.add_argument("--records", type=int, default=10_000, help="that are written and read from each storage")
    parser.add_argument("--out", type=Path, help="folder for the result")
    parser.add_argument("--force", action="store_true", help="measure although others use the machine")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(given.measure, given.folder)))
        return
    facts = {**describe(force=given.force), **provenance(["torch", "numpy", "safetensors", "h5py"])}
    facts |= {"command": shlex.join(["python", "benchmarks/studies/dataset_scale.py", *sys.argv[1:]])}
    facts |= {"files": "read from the page cache, one process, one worker"}
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), given.utterances, given.records)
    report = Report(
        title=f"A manifest of {given.utterances} utterances, and {given.records} records of 8 × 50 codes a second",
        facts=facts,
        rows=found,
        columns=(
            Column(key="what", title="what"),
            Column(key="utterances", title="utterances"),
            Column(key="seconds", title="seconds", form=".2f"),
            Column(key="added_mb", title="memory added, MB", form=".0f"),
            Column(key="rate", title="seconds of audio per second", form=".0f"),
        ),
    )
    print(report.text())
    if given.out:
        report.save(given.out, "dataset-scale")


if __name__ == "__main__":
    main()
