"""Small training runs of tests: settings as the command line takes them, and what the metrics say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from valle_core.checkpoint.folder import RunFolder, find_checkpoint
from valle_core.config.resolve import resolve
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import StartsFrom, TrainResult, run_training

SMALL: Mapping[str, str] = {
    "arch": "transformer", "arch.d_model": "16", "arch.n_layers": "1", "arch.n_heads": "2", "arch.dropout": "0.1",
    "warmup": "2", "log_every": "1", "device": "cpu",
}  # fmt: skip
"""Of a run that takes seconds on a CPU; how many steps, and what a batch holds, the test says."""


def train(
    settings: Mapping[str, str],
    data: Path,
    out: Path,
    *,
    config: Path | None = None,
    observers: Observers | None = None,
    report: Callable[[dict[str, Any]], None] = lambda line: None,
    start_from: StartsFrom | None = None,
    **changes: str,
) -> TrainResult:
    """Train on `data` with `settings` and `changes`; `__` in the name of a change stands for its full stop."""
    flags = {**settings, "data": str(data), "out": str(out)}
    flags |= {name.replace("__", "."): value for name, value in changes.items()}
    registry = Registry.open()
    resolved = resolve(TRAIN_SCHEMA, registry, yaml_file=config, flags=list(flags.items()))
    return run_training(resolved, registry, observers or Observers(), report=report, start_from=start_from)


def lines(out: Path) -> list[dict[str, Any]]:
    """The metrics of a run, a line for each step that was logged."""
    return [json.loads(line) for line in RunFolder(out).metrics.read_text().splitlines()]


def losses(out: Path) -> list[float]:
    """The loss of each line."""
    return [line["loss"] for line in lines(out)]


def figures(out: Path) -> list[dict[str, Any]]:
    """The lines without what depends on the clock."""
    return [{name: value for name, value in line.items() if "per_second" not in name} for line in lines(out)]


def change_plugin(run: Path, kind: str, **changes: Any) -> None:
    """Let the last checkpoint say something else of the plugin of a kind."""
    path = find_checkpoint(run) / "manifest.json"
    stored = json.loads(path.read_text())
    for plugin in stored["plugins"]:
        if plugin["kind"] == kind:
            plugin |= changes
    path.write_text(json.dumps(stored))
