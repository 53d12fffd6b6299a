"""The bars of `bench codec` as a PNG: speed beside the references, streams, and peak memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from valle_bench.codec.run import Measured, Result
from valle_bench.codec.settings import OWN
from valle_bench.runner.picture import new_figure, save_figure


def draw(png: Path, title: str, measured: Sequence[Measured]) -> None:
    """Three panels of bars, one colour per codec, references pale; a reference with another result is hatched.

    Raises:
        UserError: matplotlib is missing, or the place cannot be written to.
    """
    rows = [row for one in measured for row in one.rows]
    colours = {one.codec: f"C{index}" for index, one in enumerate(measured)}
    speeds = [row for row in rows if row.what in ("encode", "decode") and row.realtime]
    streams = [row for row in rows if row.what == "stream" and row.realtime]
    memory = [
        row for row in rows if row.what in ("encode memory", "decode memory", "long encode") and row.figure.nbytes
    ]
    panels = [
        ("× real time (1: as fast as it is spoken)", speeds, [row.realtime for row in speeds]),
        ("streamed, × real time", streams, [row.realtime for row in streams]),
        ("peak memory, MB", memory, [(row.figure.nbytes or 0) / 1e6 for row in memory]),
    ]
    panels = [panel for panel in panels if panel[1]]
    heights = [len(shown) + 2 for _, shown, _ in panels] or [1]
    figure = new_figure(10, 1 + 0.22 * sum(heights))
    axes = figure.subplots(max(1, len(panels)), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axis, (name, shown, values) in zip(axes, panels, strict=False):
        _bars(axis, name, shown, values, colours)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, png)


def _bars(
    axis: Any, name: str, rows: Sequence[Result], values: Sequence[float | None], colours: dict[str, str]
) -> None:
    places = list(range(len(rows)))
    bars = axis.barh(places, values, color=[colours[row.codec] for row in rows])
    for bar, row in zip(bars, rows, strict=True):
        bar.set_alpha(1.0 if row.implementation == OWN else 0.45)
        bar.set_hatch("//" if row.match is False else "")
    axis.set_yticks(places, [label(row) for row in rows])
    axis.bar_label(bars, fmt="%.3g", padding=3, fontsize=7)
    axis.set_title(name, fontsize=9)
    axis.set_xscale("log")
    axis.tick_params(labelsize=7)
    axis.margins(x=0.12, y=0.02)
    axis.invert_yaxis()


def label(row: Result) -> str:
    """How a row is named beside its bar."""
    rows = f"{row.batch} × " if row.batch > 1 else ""
    size = f" {rows}{row.seconds:g} s" if row.seconds else " a frame a push" if row.what == "stream" else ""
    other = " (other result)" if row.match is False else ""
    return f"{row.codec}: {row.what}{size}, {row.implementation}{other}"
