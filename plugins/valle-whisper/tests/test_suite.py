"""The recognizer keeps the contract of its kind, small and random."""

from __future__ import annotations

import torch
from valle_whisper.options import WhisperOptions
from valle_whisper.plugin import SPEC
from valle_whisper.recognizer import build

from valle_core.testing import suite

CPU = torch.device("cpu")

test_it_conforms = suite.conformance(
    "recognizer", lambda: build(WhisperOptions(weights="random"), device=CPU), spec=SPEC
)
