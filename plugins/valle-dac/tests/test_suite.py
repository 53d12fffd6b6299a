"""The codec against the suite of the core, small and random."""

from __future__ import annotations

import functools

import pytest
import torch
from transformers import DacConfig
from valle_dac import weights
from valle_dac.codec import DacCodec, build, with_weights
from valle_dac.options import DacOptions
from valle_dac.plugin import SPEC

from valle_testing import suite

CPU = torch.device("cpu")
SMALL = DacConfig(
    encoder_hidden_size=4,
    decoder_hidden_size=32,
    downsampling_ratios=[2, 4, 5, 8],
    n_codebooks=3,
    codebook_size=64,
    sampling_rate=16000,
)


@functools.cache
def small_weights() -> dict[str, torch.Tensor]:
    return weights.random(SMALL, seed=1)


def small(**options: float) -> DacCodec:
    return with_weights(SMALL, small_weights(), DacOptions(**options), CPU)


test_a_small_one_conforms = suite.conformance("codec", small, spec=SPEC)
test_a_small_one_with_a_set_loudness_conforms = suite.conformance("codec", lambda: small(loudness=-23.0), spec=SPEC)


@pytest.mark.slow
def test_one_of_full_size_with_random_weights_keeps_rows_and_streams_exact():
    """The whole suite at full size takes minutes; `valle plugins check dac` runs it."""
    codec = build(DacOptions(weights="random", variant="16khz"), device=CPU)
    only = (
        "states_its_facts",
        "encodes_both_ends",
        "encodes_rows_as_if_alone",
        "streams_keep_apart",
        "takes_any_sound",
    )
    report = suite.run("codec", lambda: codec, spec=SPEC, only=only)
    assert report.count("passed") == len(only), report.table()
