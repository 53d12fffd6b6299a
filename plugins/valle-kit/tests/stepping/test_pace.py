"""Threads are used while they help."""

from __future__ import annotations

from valle_kit.stepping.pace import LAST_INTERVAL, Pace


def steps(pace, count, *, together, alone):
    """How many of `count` steps went together when the two ways take these times."""
    shared = 0
    for _ in range(count):
        way = pace.together()
        pace.took(way, together if way else alone)
        shared += way
    return shared


def test_the_faster_way_is_found_and_the_other_is_tried_ever_more_rarely():
    assert steps(Pace(), 2000, together=0.4, alone=0.7) >= 1988
    assert steps(Pace(), 2000, together=18.0, alone=0.7) <= 12


def test_a_change_of_the_machine_is_noticed_either_way():
    pace = Pace()
    steps(pace, 2000, together=0.4, alone=0.7)
    assert steps(pace, 100, together=18.0, alone=0.7) <= 8
    steps(pace, 2000, together=18.0, alone=0.7)
    assert steps(pace, 2 * LAST_INTERVAL, together=0.4, alone=0.7) > LAST_INTERVAL - 20


def test_one_hiccup_does_not_stop_the_threads():
    pace = Pace()
    steps(pace, 100, together=0.4, alone=0.8)
    pace.took(True, 50.0)
    assert steps(pace, 10, together=0.4, alone=0.8) >= 9
