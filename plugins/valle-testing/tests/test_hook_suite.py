"""The suite of hooks catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

from dataclasses import replace

import torch

from valle_core.api import hookimpl
from valle_core.plugin import HookSpec
from valle_testing import planted, suite

SPEC = HookSpec(name="loudness", api=1, summary="Halves all audio", plugin="a:b")


class Good:
    """Uses every hook."""

    @hookimpl
    def train_start(self, facts):
        self.steps = facts["steps"]

    @hookimpl
    def train_step_end(self, step, metrics):
        self.loss = metrics.get("loss", 0.0)

    @hookimpl
    def checkpoint_saved(self, path):
        assert path.is_dir()

    @hookimpl
    def doctor_checks(self):
        return [("loudness", lambda: "")]

    @hookimpl
    def after_audio(self, wav):
        return wav * 0.5


def planting(hook):
    """A good one whose `hook` is the function."""

    def plant(function):
        return type("Faulty", (Good,), {hook: hookimpl(function)})

    return plant


def a_hook_that_does_not_exist(function):
    return type("Faulty", (Good,), {"after_sound": hookimpl(function)})


def an_argument_that_does_not_exist(self, waveform):
    return waveform


def a_metric_is_always_expected(self, metrics):
    return metrics["loss"]


def a_first_run_is_expected(self, facts):
    assert facts["step"] == 0


def the_checkpoint_is_a_file(self, path):
    return path.read_bytes()


def metrics_are_changed(self, metrics):
    metrics["seen"] = 1


def facts_are_changed(self, facts):
    facts.pop("run")


def facts_of_audio_are_changed(self, wav, facts):
    facts["loud"] = True


def short_audio_is_padded(self, wav):
    return torch.nn.functional.pad(wav, (0, max(0, 256 - len(wav))))


def silence_becomes_nan(self, wav):
    return wav / wav.abs().max() if len(wav) else wav


def audio_carries_a_gradient(self, wav):
    return wav * torch.ones(1, requires_grad=True)


def a_doctor_check_says_none(self):
    return [("loudness", lambda: None)]


def a_doctor_check_says_two_lines(self):
    return [("loudness", lambda: "one\ntwo")]


def wrapped():
    class Faulty(Good):
        @hookimpl(wrapper=True)
        def after_audio(self, wav):
            return (yield)

    return Faulty


AUDIO = "gives_audio_of_the_same_form"
FAULTS = {
    "misspelt": (a_hook_that_does_not_exist(lambda self, wav: wav), "names_hooks_and_arguments_there_are"),
    an_argument_that_does_not_exist: (planting("after_audio"), "names_hooks_and_arguments_there_are"),
    "a wrapper": (wrapped(), "names_hooks_and_arguments_there_are"),
    "no hook at all": (object, "names_hooks_and_arguments_there_are"),
    a_metric_is_always_expected: (planting("train_step_end"), "takes_every_call"),
    a_first_run_is_expected: (planting("train_start"), "takes_every_call"),
    the_checkpoint_is_a_file: (planting("checkpoint_saved"), "takes_every_call"),
    "doctor names only": (planting("doctor_checks")(lambda self: ["loudness"]), "takes_every_call"),
    a_doctor_check_says_none: (planting("doctor_checks"), "takes_every_call"),
    a_doctor_check_says_two_lines: (planting("doctor_checks"), "takes_every_call"),
    metrics_are_changed: (planting("train_step_end"), "changes_no_argument"),
    facts_are_changed: (planting("train_start"), "changes_no_argument"),
    "the sound is changed in place": (planting("after_audio")(lambda self, wav: wav.mul_(0.5)), "changes_no_argument"),
    facts_of_audio_are_changed: (planting("after_audio"), "changes_no_argument"),
    "audio becomes an array": (planting("after_audio")(lambda self, wav: wav.numpy() * 0.5), AUDIO),
    "audio becomes double": (planting("after_audio")(lambda self, wav: wav.double()), AUDIO),
    "audio loses its last sample": (planting("after_audio")(lambda self, wav: wav[:-1]), AUDIO),
    "audio gets a channel": (planting("after_audio")(lambda self, wav: wav[None]), AUDIO),
    short_audio_is_padded: (planting("after_audio"), AUDIO),
    "audio of no sample fails": (planting("after_audio")(lambda self, wav: wav * 0.5 / wav.abs().max()), AUDIO),
    silence_becomes_nan: (planting("after_audio"), AUDIO),
    "audio is made too loud": (planting("after_audio")(lambda self, wav: wav * 1.5), AUDIO),
    audio_carries_a_gradient: (planting("after_audio"), AUDIO),
    "it observes less than it says": (Good, "is_what_its_spec_says", replace(SPEC, observes=("after_audio",))),
    "it observes more than it implements": (
        Good,
        "is_what_its_spec_says",
        replace(SPEC, observes=(*(name for name in vars(Good) if name[0] != "_"), "train_end")),
    ),
    "its summary has two lines": (Good, "is_what_its_spec_says", replace(SPEC, summary="Halves\nall audio")),
}
"""Fault → how it is planted, the check that must see it."""
PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

CASES = planted.cases("hook", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_hook_passes():
    report = suite.run("hook", Good, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("passed") == len(suite.checks_of("hook", SPEC))


def test_a_hook_without_audio_reaches_the_floor():
    quiet = type("Quiet", (), {"train_end": hookimpl(lambda self, step: None)})
    assert suite.run("hook", quiet, spec=SPEC).ok


def test_every_check_has_a_fault():
    assert {fault.check for fault in CASES.values()} | PROCESS == {c.__name__ for c in suite.checks_of("hook", SPEC)}
