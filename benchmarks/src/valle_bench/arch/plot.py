"""The curves of `bench arch` as a PNG: forward time, decoding step, state and training speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from valle_bench.arch.run import Result
from valle_bench.arch.settings import OWN
from valle_bench.runner.picture import new_figure, save_figure


def draw(png: Path, title: str, rows: Sequence[Result]) -> None:
    """Our backbones as lines, the reference of each dashed in the same colour; bars at an equal parameter count.

    A reference that gave another result is left out: its speed says nothing.

    Raises:
        UserError: matplotlib is missing, or the place cannot be written to.
    """
    figure = new_figure(12, 9)
    forward, decode, state, train = figure.subplots(2, 2).flatten()
    colours = {arch: f"C{index}" for index, arch in enumerate(dict.fromkeys(row.arch for row in rows))}
    _lines(forward, [row for row in rows if row.size == "given" and row.what == "forward"], colours)
    forward.set(title="forward pass (reference dashed)", xlabel="positions", ylabel="ms", yscale="log")
    _lines(decode, [row for row in rows if row.size == "given" and row.what == "decode"], colours)
    decode.set(title="decoding step (reference dashed)", xlabel="positions read before", ylabel="ms")
    equal = [row for row in rows if row.size == "equal" and row.implementation == OWN]
    _state(state, [row for row in equal if row.what == "decode" and row.nbytes], colours)
    trained = [row for row in equal if row.what == "train" and row.tokens_per_s]
    train.bar([row.arch for row in trained], [row.tokens_per_s or 0.0 for row in trained],
              color=[colours[row.arch] for row in trained])  # fmt: skip
    train.set(title="training step at an equal parameter count", ylabel="tokens/s")
    for axis in (state, train):
        axis.tick_params(axis="x", labelrotation=30)
    figure.suptitle(title)
    save_figure(figure, png)


def _lines(axis: Any, rows: Sequence[Result], colours: dict[str, str]) -> None:
    for arch, implementation in dict.fromkeys((row.arch, row.implementation) for row in rows):
        own = implementation == OWN
        points = [
            (row.length, 1000 * row.seconds)
            for row in rows
            if (row.arch, row.implementation) == (arch, implementation) and row.seconds and (own or row.match)
        ]
        if points:
            axis.plot(*zip(*points, strict=True), color=colours[arch], marker=".", linestyle="-" if own else "--",
                      label=arch if own else f"{arch}: {implementation}")  # fmt: skip
    axis.set_xscale("log", base=2)
    axis.grid(alpha=0.3)
    if axis.has_data():
        axis.legend(fontsize=7)


def _state(axis: Any, rows: Sequence[Result], colours: dict[str, str]) -> None:
    archs, lengths = list(dict.fromkeys(row.arch for row in rows)), sorted({row.length for row in rows})
    width = 0.8 / max(1, len(lengths))
    for index, length in enumerate(lengths):
        held = {row.arch: row.nbytes or 0 for row in rows if row.length == length}
        axis.bar(
            [place + index * width for place in range(len(archs))],
            [held.get(arch, 0) / 1e6 for arch in archs],
            width,
            color=[colours[arch] for arch in archs],
            alpha=0.4 + 0.6 * (index + 1) / len(lengths),
        )
    axis.set_xticks([place + 0.4 - width / 2 for place in range(len(archs))], archs)
    shown = ", ".join(str(length) for length in lengths)
    axis.set(title=f"state after {shown} positions", ylabel="MB")
    if rows:
        axis.set_yscale("log")
