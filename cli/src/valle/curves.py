"""The loss and accuracy curves of a run as a PNG, from its metrics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from valle_core.files import replacing
from valle_core.plugin import UserError
from valle_core.reading.kinds import is_of
from valle_core.training.meter import lines_in


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines with a step, in order; a torn last line (of a run that is writing) is left out.

    Raises:
        UserError: the file cannot be read or holds no line yet.
    """
    try:
        lines = [line for _, line in lines_in(path)]
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"metrics '{path}' cannot be read: {why}. Name the metrics.jsonl of a run") from error
    if not lines:
        raise UserError(f"metrics '{path}' hold no step yet. Train at least until the first log line")
    return lines


def draw_curves(metrics: Path, png: Path) -> None:
    """Loss over steps above, accuracy below, one line per codebook level.

    Columns: `step`, `loss`, `loss_0` …, `accuracy_0` …; others and missing values are left out.

    Raises:
        UserError: as `read_metrics`; or matplotlib is missing.
    """
    lines = read_metrics(metrics)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ModuleNotFoundError as error:
        raise UserError("curves need matplotlib. Install it with: pip install matplotlib") from error
    figure = Figure(figsize=(7, 6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    for axis, title in ((loss, "loss"), (accuracy, "accuracy")):
        for column in _columns(lines, title):
            points = [(line["step"], line[column]) for line in lines if is_of(line.get(column), float)]
            label = "all" if column == title else f"level {column.rpartition('_')[2]}"
            axis.plot(
                *zip(*points, strict=True),
                label=label,
                linewidth=2 if column == title else 1,
                color="black" if column == title else None,
                marker="." if len(points) < 20 else None,
            )
        axis.set_ylabel(title)
        axis.grid(alpha=0.3)
        if axis.has_data():
            axis.legend(fontsize=8, ncols=3)
    accuracy.set_ylim(0, 1)
    accuracy.xaxis.set_major_locator(MaxNLocator(integer=True))
    accuracy.set_xlabel("step")
    with replacing(Path(png)) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _columns(lines: list[dict[str, Any]], title: str) -> list[str]:
    """`title` itself, then its levels by number, as far as any line has them."""
    found = {column for line in lines for column, value in line.items() if is_of(value, float)}
    levels = [column for column in found if re.fullmatch(rf"{title}_\d+", column)]
    return [title] * (title in found) + sorted(levels, key=lambda column: int(column.rpartition("_")[2]))
