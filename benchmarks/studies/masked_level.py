"""Level 0 said token by token or filled in place: phoneme error, similarity and real-time factor of each.

Three runs of the same data, steps and backbone, and one of the other levels:

    COMMON="--data DATA --steps STEPS --arch llama --model.parts ar --model.codebook-embeddings --model.token-rate 0.1"
    valle train $COMMON --alignment pointer --out RUNS/pointer
    valle train $COMMON --alignment none --out RUNS/ar
    valle train $COMMON --alignment pointer --model.masked 1 --model.masked-share --model.drop-condition 0.1 \\
        --out RUNS/masked
    python benchmarks/studies/masked_level.py RUNS --nar-model NAR --voices PROMPTS --out OUT

The sentences are those of the preset `box`. Where it was stopped it goes on; runs that are missing are left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from box_table import mean, share, table, told

SYSTEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "AR with pointer": ("pointer", ()),
    "AR": ("ar", ()),
    **{f"masked, {steps} steps": ("masked", ("masked", "steps", str(steps))) for steps in (8, 16, 32)},
    "masked, 16 steps, guidance 2": ("masked", ("masked", "steps", "16", "guidance", "2")),
}
"""Name → run, and the sampler with its options."""

FIGURES = (("per", "phoneme error %", 100, 1), ("similarity", "similarity", 1, 3),
           ("rtf", "real-time factor", 1, 3), ("unended", "ran into the bound %", 100, 1))  # fmt: skip


def command(run: Path, sampler: Sequence[str], given: argparse.Namespace, out: Path) -> list[str]:
    """`valle eval` of one system."""
    options = ["--preset", "box", "--voices", str(given.voices), "--model", str(run), "--nar-model", str(given.nar)]
    options += ["--batch", "8", "--out", str(out), "--quiet"]
    for metric in ("per", "similarity", "rtf", "ending"):
        options += ["--metric", metric]
    if sampler:
        options += ["--sampler", sampler[0], "--sampler.steps", sampler[2]]
    if "guidance" in sampler:
        options += ["--guidance", sampler[-1]]
    return [sys.executable, "-m", "valle_cli", "eval", *options]


def row_of(name: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Of one system, as text."""
    cells = [told(mean(share(row, figure) for row in rows), scale, digits) for figure, _, scale, digits in FIGURES]
    return [name, str(len(rows)), *cells]


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--nar-model", dest="nar", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    lines = []
    for name, (run, sampler) in SYSTEMS.items():
        out = given.out / name.replace(",", "").replace(" ", "-")
        if not (given.runs / run).is_dir():
            continue
        subprocess.run(command(given.runs / run, sampler, given, out), check=True)
        rows = json.loads((out / "result.json").read_text(encoding="utf-8"))["rows"]
        lines.append(row_of(name, [row for row in rows if row["system"] == "speech"]))
    print(table(["system", "sentences", *(title for _, title, *_ in FIGURES)], lines))


if __name__ == "__main__":
    main()
