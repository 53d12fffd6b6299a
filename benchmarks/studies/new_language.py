"""Held-out losses of runs side by side: the curves of docs/fine-tuning.md#a-language.

python benchmarks/studies/new_language.py OUT.png "NAME=RUN" …
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt


def losses(run: Path) -> list[tuple[int, float]]:
    """(step, held-out loss of level 0) of every evaluation."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in run.glob("eval/step-*/eval.json")]
    return sorted((one["step"], one["losses"]["held_out_loss_0"]) for one in found)


def main(out: Path, runs: dict[str, Path]) -> None:
    """A table on the terminal, and the picture."""
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    curves = {name: losses(run) for name, run in runs.items()}
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), marker="o", markersize=3, label=name)
    axes.set(xlabel="step", ylabel="held-out loss, level 0 (nats)")
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(out, dpi=120)
    print(f"| step | {' | '.join(curves)} |\n|---|{'---|' * len(curves)}")
    for step in sorted({step for curve in curves.values() for step, _ in curve}):
        values = (dict(curve).get(step) for curve in curves.values())
        print(f"| {step} | {' | '.join('' if value is None else f'{value:.3f}' for value in values)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), {name: Path(run) for name, _, run in (given.partition("=") for given in sys.argv[2:])})
