"""Train a model, in one call: `train`, which gives back the `Run`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle.continued import continued
from valle.curves import draw_curves, read_metrics
from valle.options import Option, Part, PathLike, named, resolved_from
from valle_core.checkpoint.folder import RunFolder
from valle_core.config.schema import Resolved
from valle_core.plugin import UserError
from valle_core.registry.hooks import TRAINING, open_observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import run_training
from valle_kit.init_from import start_from

Report = Callable[[dict[str, Any]], None]
"""Is given each line of metrics.jsonl when it is written: step, loss, accuracy of each level, tokens per second …"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A training run that ended. `valle.load(run)` lets it speak; a notebook shows its loss curve.

    Attributes:
        path: its folder: config.yaml, metrics.jsonl, loss.png, checkpoints.
        step: optimizer steps taken in all.
        ended_by: `"steps"`, `"minutes"`, `"interrupted"` or `"quit"`.
        seconds: wall time of this call's part.
        checkpoint: folder of the newest checkpoint.
        last_line: the newest line of its metrics.
        warning: what should be known of the trained model, or "".
        signal: number of the signal that interrupted it, or 0.
    """

    path: Path
    step: int
    ended_by: str
    seconds: float
    checkpoint: Path
    last_line: Mapping[str, Any]
    warning: str = ""
    signal: int = 0

    @property
    def config(self) -> Path:
        """The YAML that trains the same again."""
        return RunFolder(self.path).config

    @property
    def curve(self) -> Path:
        """The picture of loss and accuracy, a PNG."""
        return RunFolder(self.path).curve

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """A line for every `log_every` steps: `step`, `loss`, `loss_0` …, `accuracy_0` …, `tokens_per_second` …"""
        return read_metrics(RunFolder(self.path).metrics)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def _repr_png_(self) -> bytes:
        """Its curve, for notebooks."""
        return self.curve.read_bytes()


def train(
    data: PathLike | Mapping[str, Option] | None = None,
    *,
    out: PathLike | None = None,
    config: PathLike | None = None,
    arch: Part | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    device: str | None = None,
    init_from: PathLike | None = None,
    resume: bool = False,
    report: Report | None = None,
    **options: Option,
) -> Run:
    """Train a codec language model on a prepared dataset.

    Ctrl-C, SIGTERM and SIGHUP save and stop, as a `KeyboardInterrupt` or `SystemExit`; `train(config=run.config,
    resume=True)` goes on with the losses an uninterrupted run would have had.

    Args:
        data: folder that `valle.prepare` wrote, or a dict of `path`, `workers`, `noise`, …
        out: folder of the run; a new one, unless `resume`.
        config: YAML file with any of these; what is given here counts before it.
        arch: backbone: a name, or `{"name": "llama", "d_model": 512, …}`; by default `"llama"`.
        steps: optimizer steps, by default 10,000.
        minutes: stop after this many minutes even if steps are left; 0 is no limit.
        seed: random seed of weights, data order, tasks and dropout.
        device: torch device; `"auto"` (the default) takes CUDA where it is.
        init_from: run or checkpoint whose weights a new run starts from.
        resume: go on with the run whose `config` is given.
        report: called with each line of the metrics as it is written.
        **options: any other key of `valle train --config`: `lr=1e-3`, `batching={"seconds": 16}`,
            `model={"levels": 4}`, `task={"name": "tts", "max_seconds": 3}`, `attention`, `alignment`, `rewrite`, …
            A plugin is a name or `{"name": …, option: …}`, a chain a list of them, None empties a slot.

    Returns:
        The run, with its metrics and checkpoint.

    Raises:
        UserError: anything wrong with options, data, plugins or disk; before the first step where possible.
    """
    registry = Registry.open()
    folders = {"data": data, "out": out, "init_from": init_from}
    given: dict[str, Option] = {
        key: path if isinstance(path, Mapping) else named(path, key)
        for key, path in folders.items()
        if path is not None
    }
    words = {"arch": arch, "steps": steps, "minutes": minutes, "seed": seed, "device": device, "resume": resume or None}
    given |= {key: value for key, value in words.items() if value is not None}
    given |= options
    resolved = resolved_from(TRAIN_SCHEMA, registry, given, config)
    where = None if config is None else Path(config)
    run = run_resolved(resolved, registry, config=where, given=given.keys(), report=report)
    if run.signal == signal.SIGINT:
        raise KeyboardInterrupt(f"{run.path} is saved at step {run.step}; resume=True goes on with it")
    if run.signal:
        raise SystemExit(128 + run.signal)
    return run


def run_resolved(
    resolved: Resolved,
    registry: Registry,
    *,
    config: Path | None = None,
    given: Collection[str] = (),
    report: Report | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> Run:
    """Train as a configuration says, and draw the curve: what `train` and `valle train` stand on.

    Args:
        resolved: has the slots and sections of `valle_core.api.TRAIN_SCHEMA`.
        registry: where plugins are found.
        config: YAML file it was made with.
        given: top-level keys that were set beside the file.
        report: as for `train`.
        note: called with a line about which run goes on, where that is not the one the file names.

    Raises:
        UserError: as `train`.
    """
    resolved, line = continued(resolved, config, given)
    if line:
        note(line)
    options = resolved.sections["run"]
    if options.resume and "init_from" in given:
        raise UserError("--resume goes on with a run, --init-from starts a new one; give one of them")
    observers = open_observers(registry, of=TRAINING)
    result = run_training(resolved, registry, observers, report=report or (lambda line: None), start_from=start_from)
    run = RunFolder(Path(options.out))
    if leads():
        draw_curves(run.metrics, run.curve)
    return Run(
        path=run.path,
        step=result.step,
        ended_by=result.reason,
        seconds=result.seconds,
        checkpoint=run.latest(),
        last_line=result.last_line,
        warning=result.warning,
        signal=result.signal,
    )


def leads() -> bool:
    """Whether this process speaks for the run: the first of those that a launcher started, or the only one."""
    return os.environ.get("RANK", "0") == "0"
