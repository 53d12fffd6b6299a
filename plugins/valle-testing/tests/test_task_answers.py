"""The suite of tasks catches faults planted in how a good one finishes its answers."""

from __future__ import annotations

import pytest

from valle_testing import planted
from valle_testing.fakes.parts import FakeTask


def finishing(change):
    """A task whose finish is `change(inputs, output)`."""

    class Faulty(FakeTask):
        def finish(self, inputs, output):
            return change(inputs, output)

    return Faulty


def the_answer_loses_its_last_frame(inputs, output):
    return output[:-1]


def the_answer_has_level_0_alone(inputs, output):
    return output[:, :1]


def the_answer_is_reversed(inputs, output):
    return output.flip(0)


def the_answer_is_cut_to_the_known_length(inputs, output):
    return output[: len(inputs.response)]


FAULTS = {
    the_answer_loses_its_last_frame: (finishing, "finishes_every_answer"),
    the_answer_has_level_0_alone: (finishing, "finishes_every_answer"),
    the_answer_is_reversed: (finishing, "finishes_every_answer"),
    the_answer_is_cut_to_the_known_length: (finishing, "finishes_every_answer"),
}
"""Fault → how it is planted, the check that must see it."""

CASES = planted.cases("task", FAULTS)


@pytest.mark.parametrize("fault", CASES)
def test_a_planted_fault_is_caught(fault, record_property):
    assert CASES[fault].caught(record_property)
