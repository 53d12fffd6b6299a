"""The bars of `bench sampler` as a PNG: microseconds of a step, a panel for each batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from valle_bench.runner.measurement import OWN
from valle_bench.runner.picture import new_figure, save_figure
from valle_bench.sampler.run import Result
from valle_bench.sampler.settings import STEP


def draw(png: Path, title: str, rows: Sequence[Result]) -> None:
    """Panels side by side; ours dark, references pale, a tenth of a decoding step as a line.

    Raises:
        UserError: matplotlib is missing, or the place cannot be written to.
    """
    shown = [row for row in rows if row.seconds and row.sampler != STEP]
    batches = list(dict.fromkeys(row.batch for row in shown)) or [1]
    names = list(dict.fromkeys((row.sampler, row.implementation) for row in shown))
    figure = new_figure(3 + 3.2 * len(batches), 1.2 + 0.2 * max(1, len(names)))
    axes = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    steps = {row.batch: row.seconds for row in rows if row.sampler == STEP}
    for axis, batch in zip(axes, batches, strict=True):
        _bars(axis, batch, {(row.sampler, row.implementation): row for row in shown if row.batch == batch}, names)
        if step := steps.get(batch):
            axis.axvline(1e5 * step, color="0.4", linestyle="--", linewidth=1)
    axes[0].set_yticks(range(len(names)), [sampler if who == OWN else f"{sampler}, {who}" for sampler, who in names])
    axes[0].invert_yaxis()
    figure.suptitle(f"{title} (dashed: a tenth of a decoding step of 35 M parameters)", fontsize=10)
    save_figure(figure, png)


def _bars(axis: Any, batch: int, rows: dict[tuple[str, str], Result], names: Sequence[tuple[str, str]]) -> None:
    for place, name in enumerate(names):
        row = rows.get(name)
        if row is not None and row.seconds:
            bar = axis.barh(
                place, 1e6 * row.seconds, color="C0" if row.implementation == OWN else "0.7",
                hatch="//" if row.match is False else "",
            )  # fmt: skip
            axis.bar_label(bar, fmt="%.0f", padding=2, fontsize=7)
    axis.set_xscale("log")
    axis.set_xlabel("µs a step", fontsize=8)
    axis.set_title(f"{batch} row{'s' if batch > 1 else ''}", fontsize=9)
    axis.tick_params(labelsize=7)
    axis.margins(x=0.2, y=0.01)
