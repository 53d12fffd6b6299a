from __future__ import annotations

from pathlib import Path

import pytest
import torch
from valle_codec_tiny.speech import read_wav


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def clips() -> list[torch.Tensor]:
    """Speech of voices and sentences the shipped weights were not trained on."""
    files = sorted((Path(__file__).parent / "held_out").glob("*.wav"))
    return [torch.from_numpy(read_wav(path).copy()).float() / 32768 for path in files]
