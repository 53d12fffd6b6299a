"""The hook where valle calls it, and the loudness it gives."""

from __future__ import annotations

import pytest
import torch
from valle_core.api import Observers
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.hooks import HOOKS
from acme_package.loudness import AcmeNameOptions, levelled
from acme_package.plugin import SPEC

test_it_conforms = suite.conformance("hook", lambda: HOOKS, spec=SPEC)


def decibels(wav):
    return 20 * wav.square().mean().sqrt().log10().item()


def test_what_leaves_valle_has_the_wanted_loudness():
    complaints = []
    observers = Observers(complaints.append)
    observers.add(SPEC.name, HOOKS)
    wav = 0.02 * torch.sin(torch.arange(16_000) * 0.1)
    processed = observers.after_audio(wav, 16_000, {})
    assert decibels(processed) == pytest.approx(-23.0, abs=0.01)
    assert complaints == []
    assert decibels(wav) == pytest.approx(-37.0, abs=0.1), "the sound that came in is left alone"


def test_a_peak_is_never_passed():
    wav = torch.zeros(1000)
    wav[500] = 0.5
    assert levelled(wav, AcmeNameOptions(level=0.0)).max().item() == pytest.approx(0.98)


def test_silence_and_nothing_stay_as_they_are():
    for samples in (0, 100):
        assert torch.equal(levelled(torch.zeros(samples), AcmeNameOptions()), torch.zeros(samples))


def test_a_level_above_full_scale_is_refused():
    with pytest.raises(UserError, match=r"level must be in \[-60, 0\] dB, got 3.0"):
        AcmeNameOptions(level=3.0)
