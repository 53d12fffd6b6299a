"""Metrics for TensorBoard, in RUN/tensorboard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoard:
    """See `Tracker`."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def open_tracker(run: Path, config: Mapping[str, Any]) -> TensorBoard:
    """Writes below the run's folder; a resumed run goes on in it."""
    return TensorBoard(run / "tensorboard")
