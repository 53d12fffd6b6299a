"""The codec against the suite of the core, small and random."""

from __future__ import annotations

import pytest
import torch
from transformers import EncodecConfig
from valle_encodec.codec import build, with_weights
from valle_encodec.options import EncodecOptions
from valle_encodec.plugin import SPEC

from valle_kit.codes.encodec import weights
from valle_testing import suite

CPU = torch.device("cpu")
SMALL = EncodecConfig(num_filters=4, hidden_size=16, codebook_size=64, target_bandwidths=[0.9, 1.8], num_lstm_layers=1)

test_a_small_one_conforms = suite.conformance(
    "codec", lambda: with_weights(SMALL, weights.random(SMALL, 1), EncodecOptions(bandwidth=1.5), CPU), spec=SPEC
)


@pytest.mark.slow
def test_one_of_full_size_with_random_weights_conforms():
    report = suite.run("codec", lambda: build(EncodecOptions(weights="random"), device=CPU), spec=SPEC)
    assert report.ok, report.table()
