"""Lengths, what counts as equal, and ratios of `bench train`; no run is made."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from valle_bench.train.corpus import LENGTHS, frames_of
from valle_bench.train.run import Found, _compared, equal, scaling
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


def test_scaling_is_that_of_one_thread_in_one_process_and_in_two_with_the_same_kernel():
    rows = [row("valle train", "attention cpu", 900.0)]
    assert scaling(rows) == "not measured"
    rows += [
        replace(rows[0], processes=number, threads=1, tokens_per_s=speed) for number, speed in ((1, 400), (2, 640))
    ]
    rows += [replace(rows[1], setting="attention sdpa", tokens_per_s=10.0)]
    assert scaling(rows) == "1.60 × tokens/s, one thread each (attention cpu)"
    assert scaling([*rows[:2], replace(rows[2], tokens_per_s=None)]) == "not measured"


def test_peak_memory_of_a_launcher_is_that_of_the_largest_process_it_started_and_no_sum():
    hold = "import sys; held = b'x' * (int(sys.argv[1]) << 20)"
    start = f"import subprocess, sys; [subprocess.run([sys.executable, '-c', {hold!r}, s]) for s in SIZES]"
    # What a process is forked from counts towards its peak, so the launcher is started from a small one.
    check = f"""
import resource
from valle_bench.train.run import _process
own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
peak, said = _process(["-c", {start!r}.replace("SIZES", str([str(own + 200), str(own + 120)]))], threads=1)
print(own, peak, said)
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    own, peak, *said = done.stdout.split()
    assert not said
    assert int(own) + 200 <= float(peak) < int(own) + 300
