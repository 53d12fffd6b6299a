"""Whether students of `distil_guidance.py` say at scale 1 what their teachers say at scale 2, and for what.

    python benchmarks/studies/baked_guidance.py RUNS --voices PROMPTS --out OUT      # RUNS/{ar,nar}-{teacher,student}
    valle eval OUT/table.jsonl --metric per --metric similarity --out OUT/judged
    python benchmarks/studies/baked_guidance.py RUNS --voices PROMPTS --out OUT --report

Level 0 is greedy and its durations are the usual ones, so that nothing is drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spoken_systems import System, report, speak

GUIDED = "teacher, scale 2"


def systems(runs: Path) -> dict[str, System]:
    """Name → system."""
    usual = {"durations": "usual"}
    teacher, student = ((runs / f"ar-{who}", runs / f"nar-{who}") for who in ("teacher", "student"))
    return {
        GUIDED: System(*teacher, "greedy", {**usual, "guidance": 2.0, "nar_guidance": 2.0}),
        "student, scale 1": System(*student, "greedy", usual),
        "teacher, scale 1": System(*teacher, "greedy", usual),
    }


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--voices", type=Path, required=True, help="folder of prompts")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.report:
        print(report(list(systems(given.runs)), given.out, beside=GUIDED))
    else:
        speak(systems(given.runs), given.voices, given.out, sentences=given.sentences)


if __name__ == "__main__":
    main()
