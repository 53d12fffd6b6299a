"""The commands and the hook that valle-trackers announces (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, HookSpec

PLOT = CommandSpec(
    name="plot",
    api=2,
    summary="Plot metrics of runs, several in one picture",
    run="valle_trackers.commands:plot",
    schema="valle_trackers.commands:PLOT_SCHEMA",
    examples=(
        "valle plot runs/first",
        "valle plot runs/first runs/second --x tokens --y loss level0.accuracy --smooth --out curves.svg",
        "valle plot runs/first --y text_gain --y grad_norm",
    ),
)
RUNS = CommandSpec(
    name="runs",
    api=2,
    summary="List the runs below a folder, with their state",
    run="valle_trackers.commands:runs",
    schema="valle_trackers.commands:RUNS_SCHEMA",
    examples=("valle runs", "valle runs experiments --json"),
)
TRACKERS = HookSpec(
    name="trackers",
    api=1,
    summary="Writes metrics of a run to TensorBoard or Weights & Biases (--trackers)",
    plugin="valle_trackers.hook:HOOK",
    observes=("train_start", "train_step_end", "train_end"),
)
