"""The hook `trackers`: hands each line of the metrics to what `--trackers` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from valle_core.api import RunFolder, UserError, hookimpl, warn
from valle_core.reading.kinds import is_of
from valle_trackers.evaluated import media_of
from valle_trackers.trackers.known import TakesMedia, Tracker, known


class Trackers:
    """Opens the trackers of a run when it begins. One that fails is named once and left out; the run goes on."""

    def __init__(self) -> None:
        self._open: dict[str, Tracker] = {}
        self._run = Path()

    @hookimpl
    def train_start(self, facts: Mapping[str, Any]) -> None:
        """Open what is asked for; an unknown name and a missing package are told in one line."""
        options = getattr(facts.get("live"), "options", None)
        self.begin(Path(facts["run"]), getattr(options, "trackers", ()))

    def begin(self, run: Path, names: Sequence[str]) -> None:
        """The trackers of these names, of a run."""
        self._open, self._run = {}, run
        for name in names:
            try:
                self._open[name] = known(name).open(name, run, configuration(run))
            except UserError as error:
                warn(f"{error}; the run goes on without it")
            except Exception as error:
                self._drop(name, error)

    @hookimpl
    def train_step_end(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand on a line of the metrics, and what an evaluation of this step wrote."""
        numbers = {name: float(value) for name, value in metrics.items() if is_of(value, float) and name != "step"}
        for name, tracker in list(self._open.items()) if numbers else ():
            try:
                tracker.log(step, numbers)
                if "held_out_loss" in numbers and isinstance(tracker, TakesMedia):
                    tracker.media(step, *media_of(self._run, step))
            except Exception as error:
                self._drop(name, error)

    @hookimpl
    def train_end(self, step: int, metrics: Mapping[str, float]) -> None:
        """Close them."""
        for name, tracker in self._open.items():
            try:
                tracker.close()
            except Exception as error:
                warn(f"tracker '{name}' could not be closed: {' '.join(str(error).split())[:200]}")
        self._open = {}

    def _drop(self, name: str, error: Exception) -> None:
        self._open.pop(name, None)
        warn(f"tracker '{name}' failed and is left out: {type(error).__name__}: {' '.join(str(error).split())[:200]}")


def configuration(run: Path) -> dict[str, Any]:
    """What the run was configured with, or nothing where that cannot be read."""
    try:
        found = yaml.safe_load(RunFolder(run).config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


HOOK = Trackers()
