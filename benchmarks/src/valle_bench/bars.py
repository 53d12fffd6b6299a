"""A benchmark's ratios as a PNG of bars, one group per size, with the reference's best setting as the line at 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from valle_bench.runner.picture import new_figure, save_figure


def draw_ratios(png: Path, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the `ratio` of every row, by `size`, labelled by `setting`, `compiled` and, where it differs, `batch`.

    A row whose `match` is false is hatched and named "other result", so that its speed is not taken for one.

    Raises:
        UserError: matplotlib is missing, or the place cannot be written to.
    """
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    figure = new_figure(8, 1.2 + 0.32 * len(rows) + 0.4 * len(sizes))
    axes = figure.subplots(len(sizes), 1, sharex=True, squeeze=False)[:, 0]
    for axis, size in zip(axes, sizes, strict=True):
        group = [row for row in rows if row["size"] == size]
        settings = list(dict.fromkeys(label(row) for row in group))
        bars = axis.barh(
            range(len(group)),
            [row["ratio"] for row in group],
            tick_label=labels(group),
            color=[f"C{settings.index(label(row))}" for row in group],
            hatch=["" if row["match"] else "//" for row in group],
        )
        axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
        axis.axvline(1.0, color="black", linewidth=1)
        axis.invert_yaxis()
        axis.set_title(size, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.margins(x=0.12)
    figure.supxlabel("ratio to the reference's best setting that is not compiled (more is faster)", fontsize=9)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, png)


def label(row: Mapping[str, Any]) -> str:
    """How a row is named beside its bar."""
    how = f" [{row['compiled']}]" if row.get("compiled") else ""
    return f"{row['setting']}{how}{'' if row['match'] else ' (other result)'}"


def labels(group: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of rows of one size: with the batch where there are several."""
    several = len({row.get("batch") for row in group}) > 1
    return [label(row) + (f", batch {row['batch']}" if several else "") for row in group]
