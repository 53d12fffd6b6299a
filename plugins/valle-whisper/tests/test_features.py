"""The spectrogram beside transformers' (openai's: tests/references)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor
from valle_whisper.features import log_mel, loudness, mel_filters
from valle_whisper.parts import Sound


@pytest.mark.parametrize(("bands", "seconds"), [(80, 30), (128, 30), (80, 4)])
def test_it_is_that_of_transformers(tones, bands, seconds):
    sound = Sound(bands=bands, seconds=seconds)
    theirs = WhisperFeatureExtractor(feature_size=bands, chunk_length=seconds)(
        [row.numpy() for row in tones], sampling_rate=16000, return_tensors="pt"
    ).input_features
    for row, wanted in zip(tones, theirs, strict=True):
        torch.testing.assert_close(log_mel(row, sound, mel_filters(sound)), wanted, rtol=0, atol=2e-6)


def test_loudness_of_a_full_sine_is_minus_three_decibels_and_of_nothing_far_below():
    time = torch.arange(1650) / 16000
    wav = torch.cat([torch.sin(2 * torch.pi * 1000 * time), torch.zeros(160)])
    levels = loudness(wav, 16000)
    assert levels.shape == (12,)
    np.testing.assert_allclose(levels[:10], -3.0103, atol=0.01)
    assert levels[-1] == -200
    assert loudness(torch.zeros(0), 16000).shape == (0,)
