"""The codec against the suite of the core, small and random."""

from __future__ import annotations

import functools

import pytest
import torch
from transformers import EncodecConfig
from valle_vocos import encoder, weights
from valle_vocos.codec import VocosCodec, build, with_weights
from valle_vocos.network import Sizes
from valle_vocos.options import VocosOptions
from valle_vocos.plugin import SPEC

from valle_testing import suite

CPU = torch.device("cpu")
HALF = EncodecConfig(num_filters=4, hidden_size=16, codebook_size=64, target_bandwidths=[0.9, 1.8], num_lstm_layers=1)


@functools.cache
def small_weights() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    halves = encoder.random(HALF, seed=1)
    sizes = Sizes(latent=16, width=16, inner=32, blocks=2)
    return halves, weights.random(sizes, encoder.codebooks(halves), seed=1)


def small(bandwidth_id: int = 1) -> VocosCodec:
    halves, tensors = small_weights()
    return with_weights(HALF, halves, tensors, levels=(1, 3, 4), bandwidth_id=bandwidth_id, device=CPU)


test_a_small_one_conforms = suite.conformance("codec", small, spec=SPEC)


@pytest.mark.slow
def test_one_of_full_size_with_random_weights_conforms():
    codec = build(VocosOptions(weights="random"), device=CPU)
    report = suite.run("codec", lambda: codec, spec=SPEC)
    assert report.ok, report.table()
