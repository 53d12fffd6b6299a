"""Integrated loudness beside pyloudnorm, on speech-like tones and on noise."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
import torch

from valle_kit.loudness import integrated_loudness
from valle_testing.fakes.audio import tone_speech

REFERENCE = "pyloudnorm"


def signals(rate):
    speech = tone_speech("abcdefgh hgf edc " * 8, sample_rate=rate)
    faint = np.concatenate([speech, 0.003 * speech, np.zeros(3 * rate, np.float32)])
    noise = (0.1 * np.random.default_rng(0).standard_normal(5 * rate)).astype(np.float32)
    speech = speech[: len(speech) // (rate // 10) * (rate // 10)]  # it counts a last block that is not whole
    return {"tones": speech, "tones, then faint ones, then silence": faint, "noise": noise}


@pytest.mark.parametrize("name", ["tones", "tones, then faint ones, then silence", "noise"])
def test_loudness_equals_pyloudnorms_with_the_recommendations_filters(name, parity):
    """Its filters named DeMan are those of the recommendation at 48 kHz; its default ones differ by 0.05 LU."""
    wav = signals(48_000)[name]
    theirs = pyloudnorm.Meter(48_000, filter_class="DeMan").integrated_loudness(wav.astype(np.float64))
    ours, theirs = torch.tensor([integrated_loudness(wav, 48_000)]), torch.tensor([theirs])
    parity("pyloudnorm", f"integrated loudness (LUFS), {name}", ours, theirs, within=1e-6)
