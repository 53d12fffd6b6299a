"""The command as a user runs it, and its figures for sounds whose loudness is known."""

from __future__ import annotations

import math
from importlib.resources import files

import numpy as np
import pytest
from valle_core.api import UserError, write_audio
from valle_testing import suite
from valle_testing.command import context_of
from valle_testing.suites.command.ran import valle

from acme_package.command import SCHEMA, main
from acme_package.levels import measure
from acme_package.plugin import SPEC

SPEECH = str(files("valle_testing").joinpath("speech", "en-1.ogg"))
test_it_conforms = suite.conformance("command", valle(SPEC.name), spec=SPEC, example=(SPEECH,))


@pytest.fixture
def tone(tmp_path):
    """One second of a sine at half of full scale."""
    path = tmp_path / "tone.wav"
    write_audio(path, 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000), 16_000)
    return path


def test_a_sine_at_half_scale_is_six_and_nine_decibels_down(tone):
    text = main(context_of(SCHEMA, files=[tone])).summary()
    assert text == f"{tone}: 1.00 s, peak -6.0 dB, rms -9.0 dB, clipped 0.00 %"


def test_json_holds_one_object_for_each_file(tone):
    rows = main(context_of(SCHEMA, files=[tone, tone])).to_json()
    assert [row["file"] for row in rows] == [str(tone)] * 2
    assert rows[0]["rms"] == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.01)


def test_clipped_samples_are_counted_and_silence_is_as_low_as_it_gets():
    assert measure(np.array([1.0, -1.0, 0.0, 0.5]), 16_000).clipped == 0.5
    assert measure(np.zeros(10), 16_000).rms == -120


def test_a_missing_file_and_an_impossible_rate_are_errors_of_the_user(tone):
    with pytest.raises(UserError):
        main(context_of(SCHEMA, files=["none.wav"]))
    with pytest.raises(UserError, match=r"--sample-rate must be in \[1000, 192000\], got 3"):
        context_of(SCHEMA, files=[tone], sample_rate=3)
