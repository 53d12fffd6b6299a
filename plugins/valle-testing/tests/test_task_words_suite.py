"""The suite of tasks sees rows and lengths that are not what the task and its spec say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from valle_core.plugin import PluginSpec
from valle_core.sequence.layout import token
from valle_testing import planted, suite
from valle_testing.fakes.parts import FakeTask


def spec(*words: str) -> PluginSpec:
    capabilities = frozenset({"codes", *words})
    return PluginSpec(kind="task", name="t", api=1, summary="", factory="a:b", options="a:c", capabilities=capabilities)


class Works(FakeTask):
    """Works on the utterance, answers frame for frame, and says its name."""

    name = "t"

    def frames(self, inputs):
        return len(inputs.source)

    def draw(self, utterance, pool, rng, *, frame_rate):
        inputs = super().draw(utterance, pool, rng, frame_rate=frame_rate)
        return inputs and replace(inputs, source=utterance.codes + 40_000_000)

    def compose(self, inputs, level, *, training):
        row = super().compose(inputs, level, training=training)
        segments = (*row.segments[:-1], token(), row.segments[-1])
        return replace(row, task=self.name, segments=segments)


class OneShort(Works):
    def frames(self, inputs):
        return len(inputs.source) - 1


class FromTheResponse(Works):
    def frames(self, inputs):
        return len(inputs.response)


class Nameless(Works):
    name = ""


class Sourceless(FakeTask):
    name = "t"

    def compose(self, inputs, level, *, training):
        return replace(super().compose(inputs, level, training=training), task="t")


FAULTS = {
    "a frame too few is said": (OneShort, "says_how_long_it_answers"),
    "the response is asked how long it is": (FromTheResponse, "says_how_long_it_answers"),
    "the rows do not say the name": (Nameless, "names_its_rows"),
    "a source is declared and never drawn": (Sourceless, "names_its_rows"),
}
CASES = planted.cases("task", FAULTS, spec=spec("token", "source"))
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_task_that_works_on_a_recording_conforms():
    report = suite.run("task", Works, spec=spec("token", "source"))
    assert report.ok, report.table()


@pytest.mark.parametrize(
    "words", [("source",), ("token",), ("token", "source", "edit"), ("token", "source", "written")]
)
def test_words_that_the_task_does_not_keep_are_caught(words):
    report = suite.run("task", Works, spec=spec(*words), only=["names_its_rows"])
    assert not report.ok
