"""Curves of several runs in one picture: a panel for each column, a line for each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from valle_core.api import UserError
from valle_trackers.metrics import RunMetrics

ENDINGS = (".png", ".svg", ".pdf")
WEIGHT = 0.9
"""Of what came before, in a smoothed curve."""


def smoothed(values: Sequence[float]) -> list[float]:
    """Exponentially weighted means; the first values are not drawn towards zero."""
    found, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = WEIGHT * total + value, WEIGHT * weight + 1
        found.append(total / weight)
    return found


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
