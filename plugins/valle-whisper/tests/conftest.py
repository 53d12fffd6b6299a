from __future__ import annotations

import functools

import pytest
import torch
from valle_whisper.options import WhisperOptions
from valle_whisper.parts import Parts
from valle_whisper.recognizer import WhisperRecognizer
from valle_whisper.untrained import random_parts


@functools.cache
def _parts() -> Parts:
    return random_parts(seed=0)


@pytest.fixture
def parts() -> Parts:
    return _parts()


@pytest.fixture
def random_one(parts) -> WhisperRecognizer:
    """Untrained, and nothing it says is left out."""
    return WhisperRecognizer(parts, WhisperOptions(compression=0), torch.device("cpu"))


@pytest.fixture
def tones() -> torch.Tensor:
    """Three rows of 1.5 s that sound different."""
    time = torch.arange(24000) / 16000
    swell = 0.5 + 0.5 * torch.sin(2 * torch.pi * 3 * time)
    return torch.stack([0.3 * swell * torch.sin(2 * torch.pi * pitch * time * (1 + time)) for pitch in (180, 420, 900)])
