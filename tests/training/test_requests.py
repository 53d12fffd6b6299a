"""What is asked of a run under way (`train_requests`) is done after the step in which it was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers, hookimpl
from valle_testing.runs import SMALL, lines, train

SETTINGS = SMALL | {"steps": "6", "log_every": "5", "checkpoint_every": "9", "batching.seconds": "8", "lr": "0.01"}


class Asking:
    """Asks for what stands under a step, and remembers what it is told."""

    def __init__(self, **requests) -> None:
        self.requests, self.told = {int(step[1:]): what for step, what in requests.items()}, []

    @hookimpl
    def train_requests(self, step):
        return self.requests.get(step)

    @hookimpl
    def train_figures(self, step, last, asked):
        return {"held_out": 1.5} if asked else None

    @hookimpl
    def train_step_end(self, step, metrics, figures):
        if metrics:
            self.told.append((step, dict(figures)))

    @hookimpl
    def checkpoint_saved(self, step, path):
        self.told.append((step, path.name))

    @hookimpl
    def train_failed(self, step):
        self.told.append((step, "failed"))


def run(data: Path, out: Path, asking: Asking | None = None, **changes: str):
    observers = Observers()
    if asking is not None:
        observers.add("asking", asking)
    return train(SETTINGS, data, out, observers=observers, **changes)


def test_what_is_asked_for_is_done_after_that_step_and_told(tone_dataset, tmp_path):
    asking = Asking(s2={"save": True}, s3={"eval": True})
    assert run(tone_dataset, tmp_path / "r", asking).reason == "steps"
    assert asking.told == [
        (2, {}), (2, "step-00000002"), (3, {"held_out": 1.5}), (5, {}), (6, {}), (6, "step-00000006"),
    ]  # fmt: skip
    assert [line.get("held_out") for line in lines(tmp_path / "r")] == [None, 1.5, None, None]


def test_quit_saves_and_the_run_goes_on_as_if_never_stopped(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "whole", log_every="1")
    result = run(tone_dataset, tmp_path / "r", Asking(s3={"quit": True}), log_every="1")
    assert (result.reason, result.step, result.signal) == ("quit", 3, 0)
    run(tone_dataset, tmp_path / "r", resume="true", log_every="1")
    whole, both = ([line["loss"] for line in lines(tmp_path / name)] for name in ("whole", "r"))
    assert whole == both


def test_a_new_learning_rate_is_the_peak_of_the_schedule_and_a_resumed_run_keeps_it(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "whole", log_every="1")
    asking = Asking(s2={"lr": 0.002}, s4={"quit": True})
    run(tone_dataset, tmp_path / "r", asking, log_every="1")
    run(tone_dataset, tmp_path / "r", resume="true", log_every="1")
    before, after = ([line["lr"] for line in lines(tmp_path / name)] for name in ("whole", "r"))
    assert after[:2] == before[:2]
    assert after[2:] == pytest.approx([rate / 5 for rate in before[2:]])


def test_another_rate_given_at_resuming_counts_before_the_one_that_was_typed(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "r", Asking(s1={"lr": 0.002}, s4={"quit": True}), log_every="1")
    run(tone_dataset, tmp_path / "r", resume="true", lr="0.05", log_every="1")
    rates = [line["lr"] for line in lines(tmp_path / "r")]
    assert rates[3] < 0.002
    assert rates[4] > 0.002


def test_a_run_that_fails_says_so_to_who_observes_it(tone_dataset, tmp_path):
    asking = Asking(s2={"lr": -1.0})
    with pytest.raises(UserError, match="lr must be at least 0, got -1"):
        run(tone_dataset, tmp_path / "r", asking)
    assert asking.told == [(3, "failed")]
