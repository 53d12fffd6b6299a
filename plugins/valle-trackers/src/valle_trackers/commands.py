"""`valle plot` and `valle runs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class PlotOptions:
    """What is drawn.

    Attributes:
        runs: run folders; a word that is a column and no folder is one more --y
        x: column along the page: step, tokens, seconds, hours or any other
        y: column to plot, e.g. loss, level0.accuracy or text_gain; repeat it for more panels; left out: loss
        smooth: smooth the curves, with the values behind them
        out: picture to write: png, svg or pdf
    """

    runs: tuple[str, ...]
    x: str = "step"
    y: tuple[str, ...] = ()
    smooth: bool = False
    out: Path = Path("curves.png")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunsOptions:
    """Where runs are looked for.

    Attributes:
        folder: folder with runs in it, at most four levels down
    """

    folder: Path = Path("runs")


PLOT_SCHEMA = Schema(sections=(Section("plot", PlotOptions, flat=True, help="Options", positional=("runs",)),))
RUNS_SCHEMA = Schema(sections=(Section("runs", RunsOptions, flat=True, help="Options", positional=("folder",)),))


def plot(context: CommandContext) -> CommandResult:
    """Plot metrics of runs, several in one picture: a panel for each column, a line for each run."""
    from valle_trackers.curves import draw
    from valle_trackers.metrics import read_run

    own: PlotOptions = context.options("plot")
    folders, more = folders_and_others(own.runs)
    ys = list(dict.fromkeys((*own.y, *more))) or ["loss"]
    if len(ys) > 8:
        raise UserError(f"--y must be at most 8 columns, got {len(ys)}")
    found = [read_run(Path(name)) for name in folders]
    draw(found, own.x, ys, own.out, smooth=own.smooth)
    text = f"wrote {own.out}: {', '.join(ys)} by {own.x} of {', '.join(folders)}"
    return CommandResult(text=text, facts={"out": str(own.out), "x": own.x, "y": ys, "runs": folders})


def folders_and_others(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Folders, and the columns that were typed behind `--y loss` as in `--y loss level0.accuracy`.

    Raises:
        UserError: no folder among them.
    """
    from valle_trackers.metrics import column_named, read_run

    folders = [word for word in words if Path(word).exists()]
    if not folders:
        raise UserError(f"there is no run {words[0]}. Name the folder that `valle train --out` wrote")
    columns = {name for folder in folders for name in read_run(Path(folder)).columns}
    rest = [word for word in words if word not in folders]
    for word in rest:
        if column_named(word) not in columns:
            raise UserError(f"'{word}' is neither a run nor a column. Columns: {', '.join(sorted(columns))}")
    return folders, rest


def runs(context: CommandContext) -> CommandResult:
    """List the runs below a folder: training, finished, interrupted (--resume continues it), empty or damaged."""
    from valle_trackers.states import find_runs

    own: RunsOptions = context.options("runs")
    found = list(find_runs(own.folder))
    width = max((len(one.path) for one in found), default=0)
    lines = [
        f"{one.path:<{width}}  {one.state:<12}{one.step:>8} / {one.steps:<8}{one.arch:<14}"
        f"{'' if one.loss is None else f'loss {one.loss:.3f}'}"
        f"{'' if one.held_out_loss is None else f'  held out {one.held_out_loss:.3f}'}".rstrip()
        for one in found
    ]
    text = "\n".join(lines) or f"no runs below {own.folder}"
    return CommandResult(text=text, facts=[one.to_json() for one in found])
