"""The suite of tasks sees rows that say another `continues` than their task: a layout puts the text by that word."""

from __future__ import annotations

from dataclasses import replace

from valle_core.plugin import PluginSpec
from valle_testing import planted
from valle_testing.fakes.parts import FakeTask

SPEC = PluginSpec(
    kind="task", name="t", api=1, summary="", factory="a:b", options="a:c", capabilities=frozenset({"codes"})
)


class Always(FakeTask):
    def compose(self, inputs, level, *, training):
        return replace(super().compose(inputs, level, training=training), continues=True)


class AtSynthesis(FakeTask):
    def compose(self, inputs, level, *, training):
        return replace(super().compose(inputs, level, training=training), continues=not training)


class Silent(FakeTask):
    """Continues, and its rows do not say so."""

    continues = True

    def draw(self, utterance, pool, rng, *, frame_rate):
        inputs, codes = super().draw(utterance, pool, rng, frame_rate=frame_rate), utterance.codes
        return (inputs and len(codes) > 2 and replace(inputs, prompt=codes[:2], response=codes[2:])) or None

    def compose(self, inputs, level, *, training):
        return replace(super().compose(inputs, level, training=training), continues=False)


FAULTS = {
    task.__name__: (lambda task=task: task(), "continues_where_it_says") for task in (Always, AtSynthesis, Silent)
}
CASES = planted.cases("task", FAULTS, spec=SPEC)
test_a_row_that_says_another_word_than_its_task_is_caught = planted.each_is_caught(CASES)
