"""Conformance suite of learning-rate schedules.

test_it_conforms = suite.conformance("schedule", lambda: build(MyOptions()), spec=SPEC)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from valle_testing.contract import contract

Build = Callable[[], Callable[[int, int, int], float]]
"""Makes a schedule."""

RUNS = ((1, 0), (2, 1), (50, 0), (100, 20), (1000, 100), (10, 100))
"""(steps, warm-up); in the last one the run ends while it warms up."""


def shares(build: Build) -> Iterator[tuple[int, int, list[float]]]:
    """What it gives over the whole of each run."""
    for steps, warmup in RUNS:
        schedule = build()
        yield steps, warmup, [schedule(step, steps, warmup) for step in range(steps)]


@contract("Schedule", "A function of its arguments alone")
def repeats_itself(build: Build, *, device: str = "cpu") -> None:
    """Asked again, backwards, and of a second object."""
    for steps, warmup, found in shares(build):
        schedule = build()
        again = [schedule(step, steps, warmup) for step in reversed(range(steps))][::-1]
        assert again == found, f"of {steps} steps with {warmup} of warm-up it gives other shares when asked backwards"


@contract("Schedule.__call__", "Share of the peak rate, in [0, 1]")
def stays_between_nothing_and_the_peak(build: Build, *, device: str = "cpu") -> None:
    """At every step, one past the end included; also where the run is shorter than its warm-up."""
    for steps, warmup, found in shares(build):
        for step, share in enumerate([*found, build()(steps, steps, warmup)]):
            assert isinstance(share, int | float), f"step {step} of {steps}: {share!r} is not a number"
            assert 0 <= share <= 1, f"step {step} of {steps}: {share} is not in [0, 1]"


@contract("Schedule.__call__", "It rises over the first `warmup` steps")
def warms_up(build: Build, *, device: str = "cpu") -> None:
    """Each of these steps has a rate that is greater than the one before, beginning small."""
    for _, warmup, found in shares(build):
        rise = found[:warmup]
        assert all(one < other for one, other in pairwise(rise)), f"warm-up of {warmup} does not rise"
        if warmup > 10:
            assert rise[0] <= 0.11, f"a warm-up of {warmup} steps begins with {rise[0]} of the peak"


@contract("Schedule.__call__", "and reaches 1 in any run that is longer than those.")
def reaches_the_peak(build: Build, *, device: str = "cpu") -> None:
    """At one step at least."""
    for steps, warmup, found in shares(build):
        if steps > 10 * warmup or (steps > warmup and steps > 10):
            assert max(found) > 0.97, f"of {steps} steps with {warmup} of warm-up none has more than {max(found)}"


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    stays_between_nothing_and_the_peak,
    warms_up,
    reaches_the_peak,
)
"""Each takes `(build, *, device="cpu")`; raises `AssertionError`."""
