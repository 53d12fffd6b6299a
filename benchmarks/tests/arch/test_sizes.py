"""Comparable sizes come from the names of the options alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from valle_bench.arch.settings import Settings
from valle_bench.arch.sizes import build_candidate, count, equal_size, given_size
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry


@pytest.fixture(scope="module")
def registry():
    return Registry.open()


SMALL = Settings(d_model=128, n_layers=2, lengths=(64, 9000), train_length=64, positions=(), memory_length=64)


def test_other_sizes_keep_their_ratio_to_the_width_and_dropout_is_off(registry):
    candidate = given_size(registry, "transformer", SMALL, {})
    assert candidate.options == {"d_model": 128, "n_layers": 2, "dropout": 0.0, "n_heads": 2, "max_length": 9000}
    assert candidate.parameters == count(build_candidate(registry, candidate, SMALL))


def test_the_weights_are_those_of_the_seed(registry):
    candidate = given_size(registry, "llama", SMALL, {})
    one, two = (build_candidate(registry, candidate, SMALL).state_dict() for _ in range(2))
    other = build_candidate(registry, candidate, replace(SMALL, seed=1)).state_dict()
    assert all(one[name].equal(two[name]) for name in one)
    assert not all(one[name].equal(other[name]) for name in one)


@pytest.mark.parametrize(("arch", "times"), [("llama", 1.02), ("llama", 3.2), ("llama", 0.7), ("transformer", 4.0)])
def test_a_count_is_reached_within_five_percent(registry, arch, times):
    given = given_size(registry, arch, SMALL, {})
    target = round(times * given.parameters)
    equal = equal_size(registry, given, target, SMALL, {})
    assert abs(equal.parameters - target) <= 0.05 * target
    assert (equal is given) == (times == 1.02)


def test_options_that_are_asked_for_stay(registry):
    given = given_size(registry, "llama", SMALL, {"n_heads": "1"})
    assert given.options["n_heads"] == "1"
    equal = equal_size(registry, given, 2 * given.parameters, SMALL, {"n_heads": "1", "n_layers": 2})
    assert equal.options["n_layers"] == 2
    assert abs(equal.parameters / given.parameters - 2) < 0.1


def test_a_misspelt_option_is_refused(registry):
    with pytest.raises(UserError, match="n_heads"):
        given_size(registry, "llama", SMALL, {"n_head": "2"})
