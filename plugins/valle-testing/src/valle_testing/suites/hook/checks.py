"""Conformance suite of hooks: what an observer may name, change and give back.

test_it_conforms = suite.conformance("hook", lambda: HOOKS, spec=SPEC)
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

from valle_core.plugin import HookSpec
from valle_core.registry.hooks import Observers
from valle_testing.contract import contract
from valle_testing.suites.hook.calls import Build, called, calls, equal, implemented, kept, run_folder, sounds

RATES = (8_000, 24_000, 48_000)
AUDIO_FACTS = {"text": "good morning", "language": "en", "seed": 1}


@contract("Specifications", "Implementations name the arguments they want, in any number.")
def names_hooks_and_arguments_there_are(build: Build) -> None:
    """It is registered as a run would: no hook and no argument that does not exist, no wrapper, at least one hook."""
    complaints: list[str] = []
    plugin = build()
    Observers(complaints.append).add("it", plugin)
    assert not complaints, complaints[0]
    found = implemented(plugin)
    assert found, "it implements no hook. Mark a method with @hookimpl (valle_core.api), named as in Specifications"


@contract("Specifications", "A call that raises loses the observer its run.")
def takes_every_call(build: Build) -> None:
    """Each of its hooks with what a run tells it: first and later runs, a step without metrics; doctor checks too."""
    with run_folder() as run:
        found = implemented(build())
        for hook, function in found.items():
            for given in calls(hook, run):
                try:
                    result = called(function, given)
                    if hook == "doctor_checks":
                        _check_pairs(result)
                except AssertionError:
                    raise
                except Exception as error:
                    raise AssertionError(
                        f"{hook} raises {type(error).__name__}: {error}, called with {given}"
                    ) from error


@contract("Specifications", "No argument is changed.")
def changes_no_argument(build: Build) -> None:
    """Mappings, sounds and facts are afterwards as they were, in every hook."""
    with run_folder() as run:
        found = implemented(build())
        for hook, function in found.items():
            if hook == "after_audio":
                tries = [{"wav": wav, "sample_rate": 24_000, "facts": dict(AUDIO_FACTS)} for _, wav in sounds(24_000)]
            else:
                tries = calls(hook, run)
            for given in tries:
                before = {name: kept(value) for name, value in given.items()}
                called(function, given)
                for name, value in given.items():
                    assert equal(value, before[name]), f"{hook} changes its argument {name}"


@contract("Specifications.after_audio", "A replacement is finite, in [−1, 1], of the same type, dtype and length.")
def gives_audio_of_the_same_form(build: Build) -> None:
    """Nothing, one sample, ten, silence, a voice and full scale, at three rates."""
    function = implemented(build()).get("after_audio")
    if function is None:
        raise SkipTest("it has no after_audio")
    for rate in RATES:
        for what, wav in sounds(rate):
            found = called(function, {"wav": wav, "sample_rate": rate, "facts": dict(AUDIO_FACTS)})
            if found is None:
                continue
            name = f"{what} at {rate} Hz"
            assert type(found) is type(wav), f"{name} comes back as a {type(found).__name__}"
            assert found.dtype == wav.dtype, f"{name} comes back as {found.dtype}, it was {wav.dtype}"
            assert found.shape == wav.shape, f"{name} comes back as {list(found.shape)}, it was {list(wav.shape)}"
            assert not found.requires_grad, f"{name} comes back with a gradient"
            assert bool(found.isfinite().all()), f"{name} comes back with NaN or infinity"
            peak = float(found.abs().max()) if found.numel() else 0.0
            assert peak <= 1.0, f"{name} comes back with a peak of {peak:.3g}, must be in [−1, 1]"


@contract("HookSpec", "observes: names of the hooks it implements")
def is_what_its_spec_says(build: Build, spec: HookSpec) -> None:
    """Name and summary of one line; `observes`, where given, names exactly its hooks."""
    assert spec.name.strip(), "its spec has no name"
    assert spec.summary.strip(), "its spec has no summary"
    assert len(spec.summary.splitlines()) == 1, f"its summary has {len(spec.summary.splitlines())} lines, expected one"
    found = set(implemented(build()))
    odd = found.symmetric_difference(spec.observes) if spec.observes else ()
    assert not odd, f"observes says {', '.join(sorted(spec.observes))}, it implements {', '.join(sorted(found))}"


def _check_pairs(pairs: Any) -> None:
    """What `doctor_checks` gives: names and functions; each function gives one line or nothing."""
    for pair in pairs or ():
        assert isinstance(pair, tuple) and len(pair) == 2, f"doctor_checks gives {pair!r}, expected (name, check)"
        name, check = pair
        assert isinstance(name, str) and name.strip(), f"a check of doctor_checks is called {name!r}"
        assert callable(check), f"doctor check '{name}' is a {type(check).__name__}, expected a function"
        line = check()
        assert isinstance(line, str), f"doctor check '{name}' returns a {type(line).__name__}, expected a str"
        assert len(line.splitlines()) <= 1, f"doctor check '{name}' says {len(line.splitlines())} lines, expected one"


CHECKS: tuple[Callable[..., None], ...] = (
    names_hooks_and_arguments_there_are,
    takes_every_call,
    changes_no_argument,
    gives_audio_of_the_same_form,
)
"""Each takes `(build)`, a function that gives the object of the `HookSpec`, and raises `AssertionError`."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (is_what_its_spec_says,)
"""Each takes `(build, spec)`."""
