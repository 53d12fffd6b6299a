"""The suite of tasks catches faults planted in how a good one finishes its answers."""

from __future__ import annotations

from valle_testing import planted
from valle_testing.fakes.parts import FakeTask


def finishing(change):
    """A task whose finish is `change(inputs, output)`."""

    class Faulty(FakeTask):
        def finish(self, inputs, output):
            return change(inputs, output)

    return Faulty


def the_answer_is_cut_to_the_known_length(inputs, output):
    return output[: len(inputs.response)]


FAULTS = {
    "the answer loses its last frame": (finishing(lambda inputs, output: output[:-1]), "finishes_every_answer"),
    "the answer has level 0 alone": (finishing(lambda inputs, output: output[:, :1]), "finishes_every_answer"),
    "the answer is reversed": (finishing(lambda inputs, output: output.flip(0)), "finishes_every_answer"),
    the_answer_is_cut_to_the_known_length: (finishing, "finishes_every_answer"),
}
"""Fault → how it is planted, the check that must see it."""

CASES = planted.cases("task", FAULTS)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)
