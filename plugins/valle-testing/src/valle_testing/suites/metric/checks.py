"""Conformance suite of metrics.

test_it_conforms = suite.conformance("metric", lambda: MyMetric(MyOptions(), device=cpu), spec=SPEC)
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from unittest import SkipTest

import torch

from valle_core.plugin import PluginSpec, UserError
from valle_language.measuring import Clip, Figure, Score
from valle_testing.contract import contract
from valle_testing.suites.metric.clips import SOUNDS, Build, good_clip, only, spoilt_clip, values, with_sound


@contract("Metric", "figures: what it gives, in order.")
def states_its_facts(build: Build, *, device: str = "cpu") -> None:
    """A rate and figures that make sense, the same in a second object and after something was measured."""
    metric = build()

    def facts() -> tuple[object, list[Figure]]:
        return metric.sample_rate, list(metric.figures)

    rate, figures = before = facts()
    assert rate is None or (type(rate) is int and rate >= 1000), f"sample_rate is {rate!r}, neither None nor from 1000"
    assert figures, "it gives no figure"
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names), f"a figure stands twice: {', '.join(names)}"
    for figure in figures:
        assert isinstance(figure, Figure) and figure.name.isidentifier(), f"figure {figure!r} has no name of letters"
        assert figure.better in ("lower", "higher", ""), f"figure '{figure.name}': better is {figure.better!r}"
        assert figure.summary.strip(), f"figure '{figure.name}' has no summary"
    metric.measure(good_clip(metric))
    assert facts() == before, "its facts are others after a measurement"
    metric = build()
    assert facts() == before, "those of a second object are others"


@contract("Metric.identity", "packages with versions, weights by hash, the normaliser.")
def names_its_judge(build: Build, *, device: str = "cpu") -> None:
    """Text for text, something at all, the same in a second object and after a measurement."""
    metric = build()
    identity = dict(metric.identity())
    assert identity, "it does not say what its numbers depend on"
    strange = [
        key for key, value in identity.items() if not (isinstance(key, str) and isinstance(value, str) and value)
    ]
    assert not strange, f"identity holds no text at {', '.join(map(repr, strange))}"
    metric.measure(good_clip(metric))
    assert dict(metric.identity()) == identity == dict(build().identity()), "its identity changes"


@contract("Metric.measure", "Finite scores by the names of its figures.")
def measures_what_it_names(build: Build, *, device: str = "cpu") -> None:
    """Of good speech its first figure at least; no other names, no NaN, no share of nothing."""
    metric = build()
    for clip in (good_clip(metric), good_clip(metric, 1), spoilt_clip(metric)):
        scores = metric.measure(clip)
        _check_scores(scores, {figure.name for figure in metric.figures})
    first = metric.figures[0].name
    assert first in metric.measure(good_clip(metric)), f"good speech has no '{first}'"


def _check_scores(scores: object, names: set[str]) -> None:
    given = dict(scores)  # type: ignore[call-overload]
    assert set(given) <= names, f"it gives {', '.join(sorted(set(given) - names))}, which it does not name"
    for name, score in given.items():
        assert isinstance(score, Score), f"'{name}' is a {type(score).__name__}, not a Score"
        finite = math.isfinite(score.amount) and math.isfinite(score.of)
        assert finite and score.of > 0, f"'{name}' is {score.amount} of {score.of}"


@contract("Metric", "Equal clips give equal scores, whatever was measured before.")
def repeats_itself(build: Build, *, device: str = "cpu") -> None:
    """Again after another clip, after silence and by a second object."""
    metric = build()
    first = values(metric.measure(good_clip(metric)))
    for between in (good_clip(metric, 1), spoilt_clip(metric), with_sound(good_clip(metric), torch.zeros(8000))):
        metric.measure(between)
        again = values(metric.measure(good_clip(metric)))
        assert again == first, f"the same clip gives {again}, before it gave {first}"
    other = values(build().measure(good_clip(metric)))
    assert other == first, f"a second object gives {other}, the first {first}"


@contract("Metric", "A clip is never written into")
def writes_nothing(build: Build, *, device: str = "cpu") -> None:
    """Sound, reference and voice are what they were; a sound that is part of a longer one too."""
    metric = build()
    for clip in (good_clip(metric), spoilt_clip(metric)):
        before = {name: getattr(clip, name).wav.clone() for name in SOUNDS}
        metric.measure(clip)
        changed = [name for name in SOUNDS if not torch.equal(getattr(clip, name).wav, before[name])]
        assert not changed, f"it writes into {', '.join(changed)}"


@contract("Metric.measure", "What a clip does not allow (silence, too short) is left out.")
def leaves_out_what_cannot_be_had(build: Build, *, device: str = "cpu") -> None:
    """Silence, a click, ten samples, none at all, no words found, no phoneme found, a text of marks."""
    metric = build()
    names = {figure.name for figure in metric.figures}
    clip = good_clip(metric)
    click = torch.zeros(clip.sound.wav.shape)
    click[100] = 0.9
    cases: dict[str, Clip] = {
        "silence": with_sound(clip, torch.zeros_like(clip.sound.wav)),
        "a click": with_sound(clip, click),
        "ten samples": with_sound(clip, clip.sound.wav[5000:5010]),
        "no sample": with_sound(clip, clip.sound.wav[:0]),
        "no words found": replace(clip, transcript=replace(clip.transcript, segments=()) if clip.transcript else None),
        "no phonemes found": replace(clip, phones=()),
        "no phonemes expected": replace(clip, expected=()),
        "a text of marks": replace(clip, text="…!"),
    }
    for what, case in cases.items():
        try:
            _check_scores(metric.measure(case), names)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
        except Exception as error:
            raise AssertionError(f"{what} raises {type(error).__name__}: {error}") from error


@contract("Figure", 'better: which way is good; "" where neither is.')
def moves_the_right_way(build: Build, *, device: str = "cpu") -> None:
    """Speech that is spoilt in every respect has a worse first figure, and no figure of the table that is better."""
    metric = build()
    good, bad = values(metric.measure(good_clip(metric))), values(metric.measure(spoilt_clip(metric)))
    ways = {figure.name: {"lower": 1, "higher": -1}[figure.better] for figure in metric.figures
            if figure.better and figure.main}  # fmt: skip
    if not ways:
        raise SkipTest("none of its figures is good or bad")
    both = [name for name in ways if name in good and name in bad]
    better = [name for name in both if ways[name] * (bad[name] - good[name]) < 0]
    shown = ", ".join(f"{name} {good[name]:.4g} → {bad[name]:.4g}" for name in better or both)
    assert not better, f"of speech that is spoilt it says better: {shown}"
    assert any(bad[name] != good[name] for name in both), f"it does not tell spoilt speech from good: {shown}"


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    states_its_facts,
    names_its_judge,
    measures_what_it_names,
    writes_nothing,
    leaves_out_what_cannot_be_had,
    moves_the_right_way,
)
"""Each takes `(build, *, device="cpu")`; raises `AssertionError`."""


@contract("Metric", "What the spec declares is all it needs of a clip beside the sound.")
def needs_what_it_declares(build: Build, spec: PluginSpec, *, device: str = "cpu") -> None:
    """A clip with nothing else is measured as one with everything, but for what it takes where it is there."""
    metric = build()
    clip = good_clip(metric)
    try:
        bare = values(metric.measure(only(clip, spec.capabilities)))
    except Exception as error:
        raise AssertionError(f"with {_needs(spec)} it raises {type(error).__name__}: {error}") from error
    full = values(metric.measure(clip))
    first = metric.figures[0].name
    assert bare.get(first) == full.get(first), (
        f"'{first}' is {bare.get(first)} with {_needs(spec)}, else {full.get(first)}"
    )


@contract("Metric.measure", "Raises `UserError` for a clip that lacks what it declares to need.")
def refuses_a_clip_that_lacks_what_it_needs(build: Build, spec: PluginSpec, *, device: str = "cpu") -> None:
    """Each of them in turn; an empty text is no lack."""
    metric = build()
    clip = good_clip(metric)
    named = spec.capabilities - {"text"}
    if not named:
        raise SkipTest("it needs nothing beside the sound and its text")
    for need in sorted(named):
        try:
            given = metric.measure(only(clip, spec.capabilities - {need}))
        except UserError:
            continue
        except Exception as error:
            raise AssertionError(f"without {need} it raises {type(error).__name__}: {error}") from error
        raise AssertionError(f"without {need} it gives {values(given)}")


def _needs(spec: PluginSpec) -> str:
    return f"sound and {', '.join(sorted(spec.capabilities))}" if spec.capabilities else "sound alone"


SPEC_CHECKS: tuple[Callable[..., None], ...] = (needs_what_it_declares, refuses_a_clip_that_lacks_what_it_needs)
"""Each takes `(build, spec, *, device="cpu")`."""
