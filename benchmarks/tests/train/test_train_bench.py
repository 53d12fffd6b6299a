"""Lengths, what counts as equal, and ratios of `bench train`; no run is made."""

from __future__ import annotations

import pytest

from valle_bench.train.corpus import LENGTHS, frames_of
from valle_bench.train.run import Found, _compared, equal
from valle_bench.train.settings import Settings


def test_lengths_are_those_of_the_quantiles_whatever_their_number():
    for count in (33, 600):
        found = frames_of("voice", count)
        assert found == frames_of("voice", count) != sorted(found)
        assert LENGTHS["voice"][0] <= min(found) <= max(found) <= LENGTHS["voice"][-1]
        assert sorted(found)[count // 2] == pytest.approx(LENGTHS["voice"][16], abs=2)
    assert set(frames_of("equal", 7)) == {150}


def test_losses_are_equal_only_where_every_step_is():
    assert equal([6.0041, 6.1024], [6.0042, 6.1025])
    assert not equal([6.0041, 6.12], [6.0042, 6.10])
    assert not equal([6.0], [6.0, 6.0])


def row(what: str, setting: str, speed: float | None) -> Found:
    return Found(what=what, setting=setting, processes=1, threads=2, tokens_per_s=speed)


def test_a_ratio_is_to_the_best_of_the_others_and_needs_equal_losses():
    found = [row("valle train", "attention cpu", 300.0), row("valle train", "attention sdpa", 200.0),
             row("other", "plain", 100.0), row("other", "sorted", 150.0)]  # fmt: skip
    losses = {"attention cpu": (6.0, 5.9), "attention sdpa": (6.0, 5.0)}
    made = _compared(found, losses, {"other": [6.0, 5.9]})
    assert [one.ratio for one in made] == [2.0, None, None, None]
    assert [one.match for one in made] == [True, False, True, True]


def test_both_sides_are_told_one_token_for_each_position():
    flags = Settings().flags("data", "out", attention="sdpa", steps=4, log_every=1)
    assert (flags["model.parts"], flags["model.levels"], flags["weight_decay"], flags["warmup"]) == ("ar", 1, 0.0, 0)
