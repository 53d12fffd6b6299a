"""Rates of decoding: in turns, by medians, without the prompt."""

from __future__ import annotations

import pytest

from valle_kit.decode_rates import Rate, in_turns


def test_ways_take_turns_and_the_prompt_is_taken_off():
    now, calls = [0.0], []

    def way(name, prompt, step, slow=()):
        def run(new):
            calls.append((name, new))
            now[0] += prompt + step * new + (100.0 if len(calls) in slow else 0.0)

        return run

    ways = [way("a", 1.0, 0.5), way("b", 3.0, 0.25, slow=(4,))]
    rates = in_turns(ways, 9, 3, clock=lambda: now[0])
    assert calls == [("a", 1), ("a", 9), ("b", 1), ("b", 9)] * 3
    assert rates == [
        Rate(tokens_per_s=pytest.approx(2.0), call_s=5.5),
        Rate(tokens_per_s=pytest.approx(4.0), call_s=5.25),
    ]
