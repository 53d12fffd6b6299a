"""Level 0 said token by token or filled in place: phoneme error, similarity and what a second of speech costs.

Runs of the same data and backbone, from the weights of the same level 0, and of the other levels; an AR without an
alignment needs other levels without one:

    COMMON="--data DATA --steps STEPS --arch llama --model.parts ar --model.codebook-embeddings --model.token-rate 0.1"
    valle train $COMMON --alignment none --init-from WITHOUT_ALIGNMENT --out RUNS/ar
    valle train --data DATA --model.parts nar --alignment none --init-from NAR_WITHOUT_ALIGNMENT --out RUNS/nar
    valle train $COMMON --alignment pointer --model.masked 1 --model.drop-condition 0.1 --init-from AR \\
        --out RUNS/masked
    python benchmarks/studies/masked_level.py RUNS --pointer AR --nar-model NAR --voices PROMPTS --out OUT
    valle eval OUT/table.jsonl --metric per --metric similarity --out OUT/judged
    python benchmarks/studies/masked_level.py RUNS --pointer AR --nar-model NAR --voices PROMPTS --out OUT --report

Where it was stopped it goes on; runs that are missing are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spoken_systems import System, report, speak

SHIPPED = [{"name": "temperature", "t": 0.6}, {"name": "top_p", "p": 0.9}, "sample"]
POINTER = "AR with pointer"


def systems(given: argparse.Namespace) -> dict[str, System]:
    """Name → system."""
    found = {POINTER: System(given.pointer, given.nar, SHIPPED, {"durations": "usual"})}
    found["AR"] = System(given.runs / "ar", given.runs / "nar", SHIPPED)
    run = given.runs / "masked"
    for steps in (8, 16, 32):
        found[f"masked, {steps} steps"] = System(run, given.nar, {"name": "masked", "steps": steps, "t": 0.6})
    found["masked, 16 steps, guidance 2"] = System(
        run, given.nar, {"name": "masked", "steps": 16, "t": 0.6}, {"guidance": 2.0}
    )
    return found


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--pointer", type=Path, required=True, help="run of level 0 with a pointer")
    parser.add_argument("--nar-model", dest="nar", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True, help="folder of prompts")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.report:
        print(report(list(systems(given)), given.out, beside=POINTER))
    else:
        speak(systems(given), given.voices, given.out, sentences=given.sentences)


if __name__ == "__main__":
    main()
