"""Curves of several runs in one picture: a panel for each column, a line for each run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from valle_core.api import UserError
from valle_trackers.metrics import RunMetrics

ENDINGS = (".png", ".svg", ".pdf")
WEIGHT = 0.9
"""Of the neighbour, to that of a value itself, in a smoothed curve."""


def smoothed(values: Sequence[float]) -> list[float]:
    """Means whose weights fall exponentially to both sides, so that the curve does not lag behind a falling loss.

    A loss that was not finite counts for nothing.
    """
    known = [math.isfinite(value) for value in values]
    totals = _gathered([value if there else 0.0 for value, there in zip(values, known, strict=True)])
    return [total / weight if weight else math.nan for total, weight in zip(totals, _gathered(known), strict=True)]


def _gathered(values: Sequence[float]) -> list[float]:
    """Of each place, the sum of all values by their distance from it."""

    def gather(total: float, value: float) -> float:
        return WEIGHT * total + value

    before, after = accumulate(values, gather), [*accumulate(values[::-1], gather)][::-1]
    return [left + right - value for left, right, value in zip(before, after, values, strict=True)]


def draw(runs: Sequence[RunMetrics], x: str, ys: Sequence[str], out: Path, *, smooth: bool) -> None:
    """Write the picture, in the format of the ending of `out`.

    Raises:
        UserError: a column that no line has, an unknown ending, or matplotlib is missing.
    """
    if out.suffix not in ENDINGS:
        raise UserError(f"--out must end in {', '.join(ENDINGS)}, got {out}")
    found = {y: [(run.name, *run.series(x, y)) for run in runs] for y in ys}
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError("curves need matplotlib. Install it with: pip install matplotlib") from error
    figure = Figure(figsize=(8, 1.2 + 2.6 * len(ys)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(ys), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (y, series) in zip(panels, found.items(), strict=True):
        for number, (name, places, values) in enumerate(series):
            color = f"C{number % 10}"
            if smooth:
                axis.plot(places, values, color=color, alpha=0.25, linewidth=1)
                axis.plot(places, smoothed(values), color=color, linewidth=1.8, label=name)
            else:
                marker = "." if len(values) < 20 else None
                axis.plot(places, values, color=color, linewidth=1.5, marker=marker, label=name)
        axis.set_ylabel(y)
        axis.grid(alpha=0.3)
    panels[-1].set_xlabel(x)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)), fontsize=8)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    try:
        figure.savefig(temporary, format=out.suffix[1:], dpi=120)
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}. Choose another --out") from error
    finally:
        temporary.unlink(missing_ok=True)
