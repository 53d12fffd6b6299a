"""The trackers by name: a new one is a module here and a line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from valle_core.api import UserError


class Tracker(Protocol):
    """One that takes the metrics of a run."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take a line of metrics.jsonl."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


@runtime_checkable
class TakesMedia(Protocol):
    """A tracker that also takes what an evaluation wrote; what each may do, and none must."""

    def media(self, step: int, sounds: Mapping[str, Path], pictures: Mapping[str, Path]) -> None:
        """Take wav and PNG files, by name."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """Where a tracker is, and what it needs: `opens` is `"module:function"` of (run, config) → `Tracker`."""

    opens: str
    module: str

    def open(self, name: str, run: Path, config: Mapping[str, Any]) -> Tracker:
        """Raises `UserError` where its package is missing."""
        if find_spec(self.module) is None:
            hint = f"valle plugins install 'valle-trackers[{name}]'"
            raise UserError(f"tracker '{name}' needs {self.module}. Install it with: {hint}")
        module, _, function = self.opens.partition(":")
        return getattr(import_module(module), function)(run, config)


TRACKERS: dict[str, Known] = {
    "tensorboard": Known("valle_trackers.trackers.tensorboard:open_tracker", "tensorboard"),
    "wandb": Known("valle_trackers.trackers.weights_and_biases:open_tracker", "wandb"),
}
"""metrics.jsonl is always written, and needs no name here."""


def known(name: str) -> Known:
    """Raises `UserError` for a name that no tracker has."""
    if name not in TRACKERS:
        near = difflib.get_close_matches(name, TRACKERS, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise UserError(f"there is no tracker '{name}'.{hint} Trackers: {', '.join(TRACKERS)}")
    return TRACKERS[name]
