from __future__ import annotations

import functools

import pytest
import torch
from transformers import EncodecConfig
from valle_encodec.codec import EncodecCodec, with_weights
from valle_encodec.options import EncodecOptions

from valle_kit.codes.encodec import weights

SMALL = EncodecConfig(num_filters=4, hidden_size=16, codebook_size=64, target_bandwidths=[0.9, 1.8], num_lstm_layers=1)
"""An EnCodec of some thousand weights: four levels of 64 codes, three of them at 1.5 kbit/s."""


@functools.cache
def small_weights() -> dict[str, torch.Tensor]:
    return weights.random(SMALL, seed=1)


@pytest.fixture
def config() -> EncodecConfig:
    return SMALL


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    return dict(small_weights())


@pytest.fixture
def small(tensors) -> EncodecCodec:
    return with_weights(SMALL, tensors, EncodecOptions(bandwidth=1.5), torch.device("cpu"))
