"""Metrics for Weights & Biases, offline in RUN/wandb unless WANDB_MODE says otherwise; `wandb sync` uploads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class WeightsAndBiases:
    """See `Tracker`."""

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        import wandb

        self._run = wandb.init(
            dir=str(run),
            name=run.name,
            project=os.environ.get("WANDB_PROJECT", "valle"),
            mode=os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
            config=dict(config),
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=step)

    def media(self, step: int, sounds: Mapping[str, Path], pictures: Mapping[str, Path]) -> None:
        import wandb

        found = {name: wandb.Audio(str(path)) for name, path in sounds.items()}
        self._run.log({**found, **{name: wandb.Image(str(path)) for name, path in pictures.items()}}, step=step)

    def close(self) -> None:
        self._run.finish()


def open_tracker(run: Path, config: Mapping[str, Any]) -> WeightsAndBiases:
    """A new offline run in the run's folder, with its configuration."""
    return WeightsAndBiases(run, config)
