"""The suite of tasks catches what differs between processes and what cuts long rows."""

from __future__ import annotations

from dataclasses import replace

from valle_core.plugin import PluginSpec
from valle_testing import planted
from valle_testing.fakes.parts import FakeTask as Good

SPEC = PluginSpec(
    kind="task", name="t", api=1, summary="", factory="a:b", options="a:c", capabilities=frozenset({"codes"})
)


def asking(change):
    """A task whose pool answers otherwise: `change(ids)`."""

    class Asking:
        def __init__(self, pool):
            self.pool = pool

        def other(self, speaker, exclude):
            return change(self.pool.other(speaker, exclude))

        def __getattr__(self, name):
            return getattr(self.pool, name)

    class Faulty(Good):
        def draw(self, utterance, pool, rng, *, frame_rate):
            return super().draw(utterance, Asking(pool), rng, frame_rate=frame_rate)

    return Faulty


def the_hash_of_the_id_seeds():
    class Faulty(Good):
        def draw(self, utterance, pool, rng, *, frame_rate):
            inputs = super().draw(utterance, pool, rng, frame_rate=frame_rate)
            return inputs and replace(inputs, prompt=inputs.prompt.roll(hash(utterance.id) % 97, 0))

    return Faulty


def composing(**sizes):
    """A task that cuts what it lays out."""

    class Faulty(Good):
        def compose(self, inputs, level, *, training):
            cut = {name: getattr(inputs, name)[:size] for name, size in sizes.items()}
            return super().compose(replace(inputs, **cut), level, training=training)

    return Faulty


def the_target_is_cut():
    class Faulty(Good):
        def compose(self, inputs, level, *, training):
            row = super().compose(inputs, level, training=training)
            return replace(row, target=row.target[:1024]) if training else row

    return Faulty


ORDER, LONG = "draws_alike_in_every_process", "composes_long_inputs_whole"
FAULTS = {
    "others are a set": (asking(lambda ids: list(set(ids))), ORDER),
    "others are sorted by hash": (asking(lambda ids: sorted(ids, key=hash)), ORDER),
    "the first of a set is taken": (asking(lambda ids: list(frozenset(ids))[:1]), ORDER),
    "keys of pairs are a set": (asking(lambda ids: [id for id, _ in {(id, 0) for id in ids}]), ORDER),
    "the hash of the id decides": (the_hash_of_the_id_seeds(), ORDER),
    "a text has 512 symbols at most": (composing(text=512), LONG),
    "a prompt has 1024 frames at most": (composing(prompt=1024), LONG),
    "an answer has 1024 frames at most": (composing(response=1024), LONG),
    "the target is cut": (the_target_is_cut(), LONG),
}
CASES = planted.cases("task", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)
