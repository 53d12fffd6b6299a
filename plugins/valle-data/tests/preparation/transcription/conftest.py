"""Recordings that the fake recognizer transcribes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from valle_core.audio.wav import write
from valle_data.preparation.transcription.options import TranscribeOptions
from valle_data.preparation.transcription.transcribe import transcribe
from valle_data.preparation.transcription.transcriber import Transcriber
from valle_testing.fakes.recognizer import RATE, FakeRecognizer, sing

ALL = frozenset({"words", "detect", "align"})


@pytest.fixture
def record(tmp_path):
    """`record("train/anna/1", "abba dace", …)` writes `recordings/train/anna/1.wav`; a number is seconds of silence."""

    def write_one(name: str, *parts: str | float, language: str = "xx", rate: int = RATE) -> Path:
        sung = [sing(part, language) if isinstance(part, str) else np.zeros(round(part * RATE)) for part in parts]
        path = tmp_path / "recordings" / f"{name}.wav"
        write(path, np.concatenate([*sung, np.zeros(0)]).astype(np.float32), rate)
        return path

    return write_one


@pytest.fixture
def run(tmp_path):
    """Transcribes what was recorded; gives the report, and how many rows were transcribed."""

    def go(*, capabilities=ALL, longest=None, **options):
        if not options.get("beside") and "cut" not in options:
            options.setdefault("out", tmp_path / "table.jsonl")
        options = {"min_seconds": 0.1, "pad": 0.1, **options}
        fake = FakeRecognizer(max_seconds=longest)
        report = transcribe(
            TranscribeOptions(**{"source": tmp_path / "recordings", **options}),
            Transcriber(fake, capabilities),
            name="fake",
        )
        return report, fake.rows

    return go
