"""The suite of schedules, and where the cycles begin and end."""

from __future__ import annotations

import pytest
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.plugin import SPEC
from acme_package.schedule import AcmeNameSchedule, build

test_it_conforms = suite.conformance("schedule", lambda: build(AcmeNameSchedule()), spec=SPEC)


def test_each_cycle_begins_at_the_peak_and_the_last_one_ends_at_the_end():
    schedule = AcmeNameSchedule(cycles=2, end=0.2)
    shares = {step: schedule(step, steps=110, warmup=10) for step in (0, 9, 10, 35, 59, 60, 85, 110)}
    assert [shares[step] for step in (0, 9, 10, 60)] == [0.1, 1.0, 1.0, 1.0]
    assert shares[35] == shares[85] == pytest.approx(0.6)
    assert shares[59] < 0.202
    assert shares[110] == pytest.approx(0.2)


def test_one_cycle_never_rises_again():
    shares = [AcmeNameSchedule(cycles=1)(step, steps=50, warmup=0) for step in range(51)]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycles": 0}, "schedule.cycles must be at least 1, got 0"),
        ({"end": 1.5}, r"schedule.end must be in \[0, 1\], got 1.5"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        AcmeNameSchedule(**options)
