"""The suite of tasks catches what is asked of the pool and its contract does not allow; its pool keeps the contract."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from random import Random

import pytest
import torch

from valle_core.plugin import PluginSpec
from valle_testing import planted, suite
from valle_testing.fakes.parts import FakeTask
from valle_testing.suites.task.pool import LEVELS, RATE, CorpusPool

WORDS = frozenset({"codes"})
SPEC = PluginSpec(kind="task", name="t", api=1, summary="", factory="a:b", options="a:c", capabilities=WORDS)


class TwoVoices(FakeTask):
    """The prompt of another, with noise and a second speaker in it: all that a pool gives, rightly asked for."""

    def asked(self, utterance, prompt, pool, rng):
        """Noise, and a second speaker."""
        other = rng.choice([one for one in pool.speakers() if one != utterance.speaker])
        second = pool.codes(rng.choice(pool.other(other, "")))
        return pool.mix_all([(prompt, second, 3.0), (prompt, pool.noise(len(prompt), rng), 9.0)])[rng.randrange(2)]

    def voices(self, utterance, pool):
        """Ids that the prompt may be of."""
        return pool.similar(utterance.id, 3)

    def draw(self, utterance, pool, rng, *, frame_rate):
        others = self.voices(utterance, pool)
        if not others or not len(utterance.codes):
            return None
        inputs = super().draw(utterance, pool, rng, frame_rate=frame_rate)
        prompt = pool.codes(rng.choice(list(others)))
        return inputs and replace(inputs, prompt=self.asked(utterance, prompt, pool, rng))


class Noisy(TwoVoices):
    """`TwoVoices` without its second speaker."""

    def asked(self, utterance, prompt, pool, rng):
        return pool.mix(prompt, pool.noise(len(prompt), rng, label=None), rng.uniform(0, 20))


def asking(change):
    return type("Faulty", (Noisy,), {"asked": lambda self, utterance, *given: change(*given)})


def seconds_of_noise_are_asked_for(prompt, pool, rng):
    return pool.mix(prompt, pool.noise(len(prompt) / RATE, rng), 5.0)


def no_frames_of_noise_are_asked_for(prompt, pool, rng):
    return pool.mix(prompt, pool.noise(len(prompt) - 1, rng), 5.0)


def one_level_is_mixed(prompt, pool, rng):
    return pool.mix(prompt, pool.noise(len(prompt), rng)[:, :1], 5.0)


def floats_are_mixed(prompt, pool, rng):
    return pool.mix(prompt.float(), pool.noise(len(prompt), rng), 5.0)


def noise_is_mixed_at_no_ratio(prompt, pool, rng):
    return pool.mix(prompt, pool.noise(len(prompt), rng), math.inf)


def the_global_generator_draws_the_noise(prompt, pool, rng):
    return pool.mix(prompt, pool.noise(len(prompt), random), 5.0)


def half_an_utterance_is_similar(self, utterance, pool):
    return pool.similar(utterance.id, 0.5)


def none_are_similar(self, utterance, pool):
    return pool.similar(utterance.id, 0) or [utterance.id]


def an_utterance_is_most_similar_to_itself(self, utterance, pool):
    return [utterance.id, *pool.similar(utterance.id, 2)]


def choosing(change):
    return type("Faulty", (Noisy,), {"voices": change})


FAULTS = {
    seconds_of_noise_are_asked_for: (asking, "asks_the_pool_for_what_there_is"),
    no_frames_of_noise_are_asked_for: (asking, "asks_the_pool_for_what_there_is"),
    one_level_is_mixed: (asking, "asks_the_pool_for_what_there_is"),
    floats_are_mixed: (asking, "asks_the_pool_for_what_there_is"),
    noise_is_mixed_at_no_ratio: (asking, "asks_the_pool_for_what_there_is"),
    half_an_utterance_is_similar: (choosing, "asks_the_pool_for_what_there_is"),
    none_are_similar: (choosing, "asks_the_pool_for_what_there_is"),
    an_utterance_is_most_similar_to_itself: (choosing, "asks_the_pool_for_others"),
    the_global_generator_draws_the_noise: (asking, "draws_by_its_rng_alone"),
}
CASES = planted.cases("task", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


@pytest.mark.parametrize("task", [Noisy, TwoVoices])
def test_a_task_that_mixes_passes(task):
    report = suite.run("task", task, spec=SPEC)
    assert report.ok, report.table()


def test_the_pool_of_the_suite_keeps_the_contract():
    pool = CorpusPool()
    assert list(pool.speakers()) == ["anna", "bert"]
    assert list(pool.similar("anna/2", 2)) == ["anna/1", "anna/3"]
    assert list(pool.similar("anna/2", 3, across=True)) == ["bert/2", "anna/1", "anna/3"]
    assert len(pool.similar("anna/2", 9)) == 4
    one, again, other = (pool.noise(7, Random(seed)) for seed in (1, 1, 2))
    assert one.shape == (7, LEVELS)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    a, b = pool.codes("anna/0"), pool.codes("bert/0")
    mixed = pool.mix(a, b, 5.0)
    assert mixed.shape == a.shape
    assert torch.equal(mixed, pool.mix_all([(a, b, 5.0)])[0])
    assert not torch.isin(mixed, torch.cat([a, b])).any()
    assert not torch.equal(mixed, pool.mix(a, b, 6.0))
    assert pool.misused == []
