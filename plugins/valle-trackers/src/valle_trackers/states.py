"""Runs below a folder, and the state each is in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from valle_core.api import RunFolder, UserError
from valle_trackers.metrics import read_run

LOCK = ".train.lock"
"""A run that trains holds it; it names the process."""
DEEPEST = 4
"""Folders below the one that was named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunState:
    """One run.

    Attributes:
        path: its folder.
        state: "training", "finished", "interrupted" (it can be resumed), "empty" (no checkpoint) or "damaged".
        step: of its newest checkpoint.
        steps: it was to take, 0 where its configuration does not tell.
        arch: its backbone.
        loss: newest in its metrics, or None.
        held_out_loss: of its newest evaluation, or None.
    """

    path: str
    state: str
    step: int
    steps: int
    arch: str
    loss: float | None
    held_out_loss: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def find_runs(folder: Path) -> Iterator[RunState]:
    """All runs below a folder, itself included, by path. Raises `UserError` where there is no such folder."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}. Name one with runs in it")
    for place, inside, files in os.walk(folder):
        inside.sort()
        depth = len(Path(place).relative_to(folder).parts)
        if "config.yaml" in files and ("checkpoints" in inside or "metrics.jsonl" in files):
            yield state_of(RunFolder(Path(place)))
            inside.clear()
        elif depth >= DEEPEST:
            inside.clear()
        inside[:] = [name for name in inside if not name.startswith(".")]


def state_of(run: RunFolder) -> RunState:
    """What is known of a run; what cannot be read does not stop the list."""
    steps, arch, damaged = 0, "", False
    try:
        config = yaml.safe_load(run.config.read_text(encoding="utf-8"))
        steps, arch = int(config.get("steps") or 0), str((config.get("arch") or {}).get("name", ""))
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError):
        damaged = True
    step = max(run.steps(), default=0)
    try:
        lines = [*reversed(read_run(run.path).lines)]
    except UserError:
        lines = []
    loss, held_out = (next((line[name] for line in lines if name in line), None) for name in ("loss", "held_out_loss"))
    if trains(run.path / LOCK):
        state = "training"
    elif damaged:
        state = "damaged"
    elif not step:
        state = "empty"
    else:
        state = "finished" if step >= steps > 0 else "interrupted"
    return RunState(
        path=str(run.path), state=state, step=step, steps=steps, arch=arch, loss=loss, held_out_loss=held_out
    )


def trains(lock: Path) -> bool:
    """Whether a process holds the lock of a run; one of this machine that is gone does not."""
    try:
        first = lock.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return False
    try:
        os.kill(int(first[0]), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, IndexError):
        return True  # another user's, or written in another form
    return True
