"""The suite of metrics, and a span that is known."""

from __future__ import annotations

import math

import pytest
import torch
from valle_core.plugin import UserError
from valle_language.measuring import Clip, Sound
from valle_testing import suite

from acme_package.metric import build
from acme_package.options import AcmeNameOptions
from acme_package.plugin import SPEC

CPU = torch.device("cpu")

test_it_conforms = suite.conformance("metric", lambda: build(AcmeNameOptions(), device=CPU), spec=SPEC)


def test_a_tone_that_becomes_a_hundred_times_fainter_has_a_span_of_forty_decibels():
    tone = torch.sin(2 * math.pi * 200 * torch.arange(16_000) / 16_000)
    clip = Clip(sound=Sound(wav=torch.cat([tone, 0.01 * tone]), sample_rate=16_000))
    score = build(AcmeNameOptions(), device=CPU).measure(clip)["acme_identifier"]
    assert score.value == pytest.approx(40, abs=0.1)


def test_an_impossible_window_is_refused():
    with pytest.raises(UserError, match=r"metric.window must be in \[0.01, 1\], got 2"):
        AcmeNameOptions(window=2)
