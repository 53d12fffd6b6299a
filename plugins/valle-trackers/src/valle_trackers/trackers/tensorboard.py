"""Metrics for TensorBoard, in RUN/tensorboard."""

from __future__ import annotations

import os
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


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

    def media(self, step: int, sounds: Mapping[str, Path], pictures: Mapping[str, Path]) -> None:
        from matplotlib.image import imread

        for name, path in sounds.items():
            with wave.open(str(path)) as file:
                samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
                self._writer.add_audio(name, samples[None], step, sample_rate=file.getframerate())
        for name, path in pictures.items():
            self._writer.add_image(name, imread(path)[..., :3], step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def open_tracker(run: Path, config: Mapping[str, Any]) -> TensorBoard:
    """Writes below the run's folder; a resumed run goes on in it."""
    return TensorBoard(run / "tensorboard")
