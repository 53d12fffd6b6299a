"""Tables of the page of a voice from `valle eval --preset box … --ceiling --control …`: figures, aims, groups, worst.

    python benchmarks/studies/box_table.py judged/result.json [ceiling/result.json]

Systems that the first result has not are taken from the next.

Of each pair of a sentence and its voice: is the similarity nearer to that of the same sentence resynthesised, or to
that of another voice?
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Mapping[str, Mapping[str, Any]]
Figures = Sequence[tuple[str, str, float, int]]
"""Name, title, scale and digits of each."""
SHOWN = (
    ("wer", "WER %", 100, 1), ("per", "phoneme error %", 100, 1),
    ("skips", "skips", 1, 3), ("repeats", "repeats", 1, 3),
    ("run_ons", "run-ons", 1, 3), ("unended", "unended", 1, 3), ("similarity", "similarity", 1, 3),
    ("distillmos", "DistillMOS", 1, 2), ("pace", "words/min", 1, 0),
)  # fmt: skip


def share(row: Mapping[str, Any], figure: str) -> float | None:
    """A sentence's own figure; None where it was not judged."""
    found = row["scores"].get(figure)
    return None if found is None or not found[1] else found[0] / found[1]


def mean(values: Iterable[float | None]) -> tuple[float, float, float] | None:
    """Mean with the bounds of 95 % by bootstrap."""
    known = [one for one in values if one is not None]
    if not known:
        return None
    rng = random.Random(0)
    drawn = sorted(sum(rng.choices(known, k=len(known))) / len(known) for _ in range(1000))
    return sum(known) / len(known), drawn[25], drawn[974]


def interval(found: tuple[float, float, float] | None, scale: float, digits: int) -> str:
    """`7.0 [3.2, 11.3]`."""
    if found is None:
        return ""
    value, low, high = (f"{scale * one:.{digits}f}" for one in found)
    return f"{value} [{low}, {high}]"


def figures(rows: Rows) -> list[str]:
    """Of one system, in the order of `SHOWN`."""
    return [
        interval(mean(share(row, name) for row in rows.values()), scale, digits) for name, _, scale, digits in SHOWN
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def paired(one: Rows, other: Rows, figure: str) -> tuple[float, float, float] | None:
    """Mean of the differences, sentence by sentence."""
    pairs = [(share(one[id], figure), share(other[id], figure)) for id in one.keys() & other.keys()]
    return mean([a - b for a, b in pairs if a is not None and b is not None])


def judged(out: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """System → sentence → row of `judged/result.json` in `out`, whose ids are `system/sentence`."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in json.loads((out / "judged" / "result.json").read_text("utf-8"))["rows"]:
        system, _, sentence = row["id"].partition("/")
        found.setdefault(system, {})[sentence] = row
    return found


def compared(found: Mapping[str, Rows], system: str, beside: str, figures: Figures) -> list[str]:
    """Cells of a system: its name, how many sentences, each figure and its difference to that of `beside`."""
    cells = [system, str(len(found[system]))]
    for figure, _, scale, digits in figures:
        cells.append(interval(mean(share(row, figure) for row in found[system].values()), scale, digits))
        other = None if system == beside else paired(found[system], found[beside], figure)
        cells.append(interval(other, scale, digits))
    return cells


def headed(figures: Figures, beside: str) -> list[str]:
    """Heads of the figures of `compared`."""
    return [head for _, title, *_ in figures for head in (title, f"less {beside}")]


def nearer(speech: Rows, ceiling: Rows, floor: Rows) -> tuple[int, int]:
    """Pairs that lie nearer to the ceiling than to the floor, and all pairs."""
    ids = speech.keys() & ceiling.keys() & floor.keys()
    found = [tuple(share(rows[id], "similarity") for rows in (speech, ceiling, floor)) for id in ids]
    known = [(own, high, low) for own, high, low in found if own is not None and high is not None and low is not None]
    return sum(own >= (high + low) / 2 for own, high, low in known), len(known)


def by_group(speech: Rows, codec: Rows) -> str:
    """Errors of the speech and of the codec's ceiling for each kind of sentence, and what else was found."""
    lines = []
    for group in dict.fromkeys(row["group"] for row in speech.values()):
        own = {id: row for id, row in speech.items() if row["group"] == group}
        beside = {id: row for id, row in codec.items() if id in own}
        line = [group, str(len(own))]
        for figure in ("wer", "per"):
            line += [interval(mean(share(row, figure) for row in rows.values()), 100, 1) for rows in (own, beside)]
        for figure in ("skips", "repeats", "run_ons", "similarity"):
            line.append(interval(mean(share(row, figure) for row in own.values()), 1, 2))
        lines.append(line)
    head = ["WER %", "codec", "phoneme error %", "codec", "skips", "repeats", "run-ons", "similarity"]
    return table(["group", "sentences", *head], lines)


def main() -> None:
    """See the top of the file."""
    systems: dict[str, dict[str, Any]] = {}
    for path in sys.argv[1:]:
        for row in json.loads(Path(path).read_text(encoding="utf-8"))["rows"]:
            systems.setdefault(row["system"], {}).setdefault(row["id"], row)
    print(table(["system", "sentences", *(title for _, title, *_ in SHOWN)],
                ([name, str(len(rows)), *figures(rows)] for name, rows in systems.items())))  # fmt: skip
    speech = systems["speech"]
    for name in ("codec", "recording"):
        if name in systems:
            for figure in ("wer", "per"):
                print(f"\nspeech − {name}, {figure}, points: {interval(paired(speech, systems[name], figure), 100, 1)}")
            if "other-voice" in systems:
                near, all_ = nearer(speech, systems[name], systems["other-voice"])
                print(
                    f"\nsimilarity nearer to {name} than to another voice: {near} of {all_} ({100 * near / all_:.1f} %)"
                )
    print()
    print(by_group(speech, systems.get("codec", {})))
    worst = sorted(speech.values(), key=lambda row: -(share(row, "per") or 0))
    far = sum((share(row, "per") or 0) > 0.2 for row in worst)
    print(f"\nphoneme error above 20 %: {far} of {len(worst)}")
    for row in worst[:25]:
        print(f"{100 * (share(row, 'per') or 0):.0f} % {row['id']}: {row['text']} | {row.get('transcript', '')}")


if __name__ == "__main__":
    main()
