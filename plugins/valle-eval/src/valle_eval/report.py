"""The table that is printed: a row for each figure, a column for each system, intervals of 95 %."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from valle_eval.comparison import Compared
from valle_eval.result import Result
from valle_eval.statistics import Mean
from valle_language.measuring import Figure

ARROWS = {"lower": "↓", "higher": "↑", "": ""}


def shown(figure: Figure, value: float) -> str:
    """A number as it is printed."""
    return f"{100 * value:.{figure.digits}f}" if figure.percent else f"{value:.{figure.digits}f}"


def title(figure: Figure, *, corpus: bool = False) -> str:
    """Name, unit and the good direction."""
    unit = " %" if figure.percent else ""
    return f"{figure.name}{unit}{' of the corpus' if corpus else ''} {ARROWS[figure.better]}".rstrip()


def cell(figure: Figure, mean: Mean | None, *, corpus: bool = False) -> str:
    """Mean and interval."""
    if mean is None:
        return "–"
    middle, low, high = (mean.corpus, mean.corpus_low, mean.corpus_high) if corpus else (mean.mean, mean.low, mean.high)
    return f"{shown(figure, middle)} [{shown(figure, low)}, {shown(figure, high)}]"


def figure_rows(result: Result, group: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """Title and cells of the main figures; shares have a second row, of the corpus."""
    for figure in result.figures:
        if not figure.main:
            continue
        means = [result.mean(system, figure.name, group) for system in result.systems]
        if not any(means):
            continue
        yield title(figure), [cell(figure, mean) for mean in means]
        if figure.percent and any(mean and mean.corpus != mean.mean for mean in means):
            yield title(figure, corpus=True), [cell(figure, mean, corpus=True) for mean in means]


def table(result: Result, compared: Sequence[Compared] = ()) -> str:
    """For a terminal."""
    rows = list(figure_rows(result))
    heads = ["", *result.systems]
    lines = [heads, *([name, *cells] for name, cells in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    printed = [
        "  ".join(text.ljust(width) if place == 0 else text.rjust(width) for place, (text, width) in
                  enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    ]  # fmt: skip
    printed.append(f"{result.sentences['count']} sentences; mean of the sentences [95 % by bootstrap]")
    for one in compared:
        printed += ["", *one.lines()]
    return "\n".join(printed)
