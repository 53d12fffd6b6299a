"""The curves of `bench attention` as a PNG: time and TFLOP/s against T, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from valle_bench.attention.run import Result
from valle_bench.attention.settings import Cell
from valle_bench.runner.picture import new_figure, save_figure

MOST_LINES = 8
"""Kernels in a panel: the fastest at its longest row."""

MOST_PANELS = 8
LIGHT = {"back": "white", "ink": "black", "grid": "0.85"}
DARK = {"back": "#14171c", "ink": "#e8eaed", "grid": "#3a3f47"}
MARKERS = "osD^vPX*"

Place = tuple[str, str, str, int, int, int]


def draw(png: Path, title: str, rows: Sequence[Result], *, dark: bool = False) -> None:
    """A row of two panels for each mask, direction and head width; kernels whose results are wrong are left out.

    Raises:
        UserError: matplotlib is missing, or the place cannot be written to.
    """
    theme = DARK if dark else LIGHT
    right = [row for row in rows if row.cell and row.seconds and row.match]
    places = list(dict.fromkeys(place(row.cell) for row in right if row.cell))[:MOST_PANELS]
    kernels = list(dict.fromkeys(row.kernel for row in right))
    styles = {name: (f"C{index % 10}", MARKERS[index % len(MARKERS)]) for index, name in enumerate(kernels)}
    figure = new_figure(11, 0.8 + 2.5 * max(1, len(places)))
    figure.set_facecolor(theme["back"])
    axes = figure.subplots(max(1, len(places)), 2, squeeze=False)
    for pair, where in zip(axes, places, strict=False):
        mine = [row for row in right if row.cell and place(row.cell) == where]
        shown = _fastest(mine)
        for axis, field, unit in ((pair[0], "seconds", "ms"), (pair[1], "tflops", "TFLOP/s")):
            _lines(axis, [row for row in mine if row.kernel in shown], field, styles)
            axis.set_title(name_of(where), fontsize=8, color=theme["ink"])
            axis.set_ylabel(unit, fontsize=8, color=theme["ink"])
            axis.set_yscale("log" if field == "seconds" else "linear")
    for axis in axes.flatten():
        _dress(axis, theme)
    _legend(figure, kernels, styles, theme)
    figure.suptitle(title, fontsize=10, color=theme["ink"])
    save_figure(figure, png, facecolor=theme["back"])


def place(cell: Cell) -> Place:
    """What shares a panel: all but the length of the rows."""
    rows = cell.batch if cell.direction == "decode" else 0
    return cell.direction, cell.form, cell.dtype, cell.head_width, cell.kv_heads, rows


def name_of(where: Place) -> str:
    """Title of a panel."""
    direction, form, dtype, width, keys, rows = where
    more = f", {keys} key heads, {rows} rows" if direction == "decode" else ""
    return f"{direction}, {form}, Dh {width}{more}, {dtype}"


def _fastest(rows: Sequence[Result]) -> set[str]:
    longest = max((row.cell.size for row in rows if row.cell), default=0)
    times = sorted((row.seconds or 0.0, row.kernel) for row in rows if row.cell and row.cell.size == longest)
    others = [(0.0, row.kernel) for row in rows]
    return set(list(dict.fromkeys(name for _, name in [*times, *others]))[:MOST_LINES])


def _lines(axis: Any, rows: Sequence[Result], field: str, styles: dict[str, tuple[str, str]]) -> None:
    for kernel in dict.fromkeys(row.kernel for row in rows):
        points = sorted(
            (row.cell.size, (1000 if field == "seconds" else 1) * getattr(row, field))
            for row in rows
            if row.kernel == kernel and row.cell
        )
        colour, marker = styles[kernel]
        axis.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=4, linewidth=1.4)
    axis.set_xscale("log", base=2)
    sizes = sorted({row.cell.size for row in rows if row.cell})
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()


def _dress(axis: Any, theme: dict[str, str]) -> None:
    axis.set_facecolor(theme["back"])
    axis.grid(color=theme["grid"], linewidth=0.6)
    axis.tick_params(colors=theme["ink"], labelsize=7, which="both")
    axis.set_xlabel("T (longest row)", fontsize=8, color=theme["ink"])
    for spine in axis.spines.values():
        spine.set_color(theme["grid"])


def _legend(figure: Any, kernels: Sequence[str], styles: dict[str, tuple[str, str]], theme: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=styles[name][0], marker=styles[name][1], label=name) for name in kernels]
    if lines:
        figure.legend(handles=lines, loc="outside lower center", ncols=min(MOST_LINES, len(lines)), fontsize=8,
                      frameon=False, labelcolor=theme["ink"])  # fmt: skip
