"""The suite of metrics catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import torch

from valle_core.plugin import PluginSpec
from valle_language.measuring import Figure, Score
from valle_testing import planted, suite
from valle_testing.fakes.metric import FakeMetric

SPEC = PluginSpec(
    kind="metric",
    name="fake",
    api=1,
    summary="",
    factory="a:b",
    options="a:c",
    capabilities=frozenset({"text", "transcript"}),
)


def having(**changes):
    return type("Faulty", (FakeMetric,), changes)


def giving(change):
    """A metric whose scores are changed: `change(scores, clip)`."""

    class Faulty(FakeMetric):
        def measure(self, clip):
            return change(dict(super().measure(clip)), clip)

    return Faulty


def doing(change):
    """A metric that does something first: `change(self, clip)`."""

    class Faulty(FakeMetric):
        def measure(self, clip):
            change(self, clip)
            return super().measure(clip)

    return Faulty


def first_is_remembered():
    class Faulty(FakeMetric):
        kept = None

        def measure(self, clip):
            self.kept = self.kept or super().measure(clip)
            return self.kept

    return Faulty


def it_forgets_a_figure(self, clip):
    self.figures = FakeMetric.figures[:1]


def the_sound_is_normalised_in_place(self, clip):
    clip.sound.wav.mul_(0.5)


def the_reference_is_shortened_in_place(self, clip):
    if clip.reference is not None:
        clip.reference.wav[-100:] = 0


def torch_draws(self, clip):
    torch.rand(1)


def python_draws(self, clip):
    random.random()


def silence_is_divided_by(self, clip):
    assert clip.sound.wav.numel(), "there is no sound"
    1 / float(clip.sound.wav.abs().max())


def drifting():
    made = iter(range(10**6))
    return giving(lambda scores, clip: {"missed": Score(amount=next(made))})


def identities():
    made = iter(range(10**6))
    return having(identity=lambda self: {"fake": str(next(made))})


A, B = FakeMetric.figures
FAULTS = {
    "the rate is a float": (having(sample_rate=8000.0), "states_its_facts"),
    "there are no figures": (having(figures=()), "states_its_facts"),
    "a figure stands twice": (having(figures=(A, A)), "states_its_facts"),
    "good is up": (having(figures=(replace(A, better="up"), B)), "states_its_facts"),
    "a figure has no summary": (having(figures=(A, replace(B, summary=" "))), "states_its_facts"),
    it_forgets_a_figure: (doing, "states_its_facts"),
    "it has no identity": (having(identity=lambda self: {}), "names_its_judge"),
    "a version is a number": (having(identity=lambda self: {"fake": 1}), "names_its_judge"),
    "its identity changes": (identities(), "names_its_judge"),
    "a figure is not named": (having(figures=(A,)), "measures_what_it_names"),
    "a score is a number": (giving(lambda scores, clip: {"missed": 0.5}), "measures_what_it_names"),
    "a score is NaN": (giving(lambda scores, clip: {"missed": Score(amount=np.nan)}), "measures_what_it_names"),
    "a share of nothing": (giving(lambda scores, clip: {"missed": Score(amount=0, of=0)}), "measures_what_it_names"),
    "good speech has no figure": (giving(lambda scores, clip: {}), "measures_what_it_names"),
    "each number is another": (drifting(), "repeats_itself"),
    "the first clip is remembered": (first_is_remembered(), "moves_the_right_way"),
    the_sound_is_normalised_in_place: (doing, "writes_nothing"),
    the_reference_is_shortened_in_place: (doing, "writes_nothing"),
    silence_is_divided_by: (doing, "leaves_out_what_cannot_be_had"),
    "silence is NaN": (
        giving(lambda scores, clip: {"span": Score(amount=float(clip.sound.wav.max() / clip.sound.wav.max()))}
               if clip.sound.wav.numel() else {}),
        "leaves_out_what_cannot_be_had",
    ),
    "good and bad are swapped": (
        having(figures=(replace(A, better="higher"), replace(B, better="lower"))),
        "moves_the_right_way",
    ),
    "one figure is the wrong way": (having(figures=(A, replace(B, better="lower"))), "moves_the_right_way"),
    "all speech is alike": (giving(lambda scores, clip: {"missed": Score(amount=0.5)}), "moves_the_right_way"),
    "a need is not declared": (
        FakeMetric,
        "needs_what_it_declares",
        replace(SPEC, capabilities=frozenset({"text"})),
    ),
    "what is there changes the figure": (
        giving(lambda scores, clip: {"missed": Score(amount=0.1 if clip.voice else 0.2)}),
        "needs_what_it_declares",
    ),
    "a need is none": (
        FakeMetric,
        "refuses_a_clip_that_lacks_what_it_needs",
        replace(SPEC, capabilities=frozenset({"text", "transcript", "voice"})),
    ),
    "a need is misspelt": (
        FakeMetric,
        "declares_words_of_its_kind",
        replace(SPEC, capabilities=frozenset({"transcripts"})),
    ),
    torch_draws: (doing, "leaves_the_process_alone"),
    python_draws: (doing, "leaves_the_process_alone"),
}  # fmt: skip
"""Fault → how it is planted, the check that must see it."""

CASES = planted.cases("metric", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_metric_passes():
    report = suite.run("metric", FakeMetric, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("passed") == len(suite.checks_of("metric", SPEC))


def test_every_check_has_a_planted_fault():
    checks = {check.__name__ for check in suite.checks_of("metric", SPEC)}
    assert {fault.check for fault in CASES.values()} == checks


def test_a_metric_without_good_or_bad_is_skipped_where_it_would_be_told():
    class Neither(FakeMetric):
        figures = tuple(replace(figure, better="") for figure in FakeMetric.figures)

    (outcome,) = suite.run("metric", Neither, spec=SPEC, only=("moves_the_right_way",)).outcomes
    assert outcome.verdict == "skipped"
    assert isinstance(Neither.figures[0], Figure)
