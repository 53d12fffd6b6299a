"""A run whose gradients are not finite step after step stops, with its batch and the last good checkpoint kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from valle_core.checkpoint.folder import RunFolder
from valle_core.plugin import UserError
from valle_core.registry.hooks import TRAINING, hookimpl, open_observers
from valle_core.registry.registry import Registry
from valle_core.training import step as steps
from valle_core.training.meter import Meter
from valle_testing.runs import SMALL, lines, train

SETTINGS = SMALL | {
    "arch.dropout": "0", "steps": "8", "checkpoint_every": "1", "keep": "2", "batching.seconds": "8",
    "max_bad_steps": "3", "text_gain_every": "0",
}  # fmt: skip


class Asking:
    """Asks for something after a step."""

    def __init__(self, step: int, word: str) -> None:
        self.step, self.word = step, word

    @hookimpl
    def train_requests(self, step):
        return {self.word: True} if step == self.step else None


def run(data: Path, out: Path, asking: Asking | None = None, **changes: str):
    observers = open_observers(Registry.open(), of=TRAINING)
    if asking is not None:
        observers.add("asking", asking)
    return train(SETTINGS, data, out, observers=observers, **changes)


def broken(monkeypatch, at: range) -> None:
    """Steps whose loss is no number."""
    calls, real = [], steps.token_loss

    def token_loss(*given):
        calls.append(1)
        loss, figures = real(*given)
        return (loss * float("nan") if len(calls) in at else loss), figures

    monkeypatch.setattr(steps, "token_loss", token_loss)


def test_it_stops_says_what_to_do_and_keeps_the_batch_and_the_last_good_checkpoint(tone_dataset, tmp_path, monkeypatch):
    out = tmp_path / "r"
    run(tone_dataset, tmp_path / "whole")
    with monkeypatch.context() as patch:
        broken(patch, range(4, 99))
        with pytest.raises(UserError) as told:
            run(tone_dataset, out)
    text = str(told.value)
    assert text.startswith("3 steps in a row up to step 6 had a loss or gradient that is not finite")
    assert "go on with --resume --checkpoint step-00000003 and a lower --lr" in text
    assert f"the names of its utterances are in {out}/bad-steps/step-00000006.*" in text
    assert len(text.splitlines()) == 1
    assert RunFolder(out).steps() == [2, 3]
    tensors = load_file(out / "bad-steps" / "step-00000006.safetensors")
    assert {"0.indices", "0.offsets", "0.mask.lengths"} <= tensors.keys()
    facts = json.loads((out / "bad-steps" / "step-00000006.json").read_text())
    assert facts["step"] == 6
    assert facts["batches"][0]["utterances"]
    run(tone_dataset, out, resume="true", checkpoint="step-00000003")
    assert [line["loss"] for line in lines(out)] == [line["loss"] for line in lines(tmp_path / "whole")]


def test_fewer_in_a_row_are_passed_over_and_drive_no_good_checkpoint_out(tone_dataset, tmp_path, monkeypatch):
    broken(monkeypatch, range(4, 6))
    run(tone_dataset, tmp_path / "r", steps="6", keep="1")
    assert RunFolder(tmp_path / "r").steps() == [6]
    assert lines(tmp_path / "r")[-1]["bad_steps"] == 2
    assert not (tmp_path / "r" / "bad-steps").exists()
    broken(monkeypatch, range(4, 6))
    run(tone_dataset, tmp_path / "s", steps="5", keep="1")
    assert RunFolder(tmp_path / "s").steps() == [3, 5], "the end is saved though it is bad, and the last good one stays"


def test_the_device_is_asked_only_where_as_many_bad_steps_can_have_been_in_a_row(tone_dataset, tmp_path, monkeypatch):
    asked: list[int] = []
    real = Meter.bad_in_a_row.fget

    def bad_in_a_row(meter):
        asked.append(int(meter.bad[0]))
        return real(meter)

    monkeypatch.setattr(Meter, "bad_in_a_row", property(bad_in_a_row))
    run(tone_dataset, tmp_path / "r", log_every="8", checkpoint_every="8", max_bad_steps="4")
    assert len(asked) == 2 + 2, "at steps 4 and 8, and for the checkpoint: whether it is due, and what it says"
    broken(monkeypatch, range(3, 99))
    asked.clear()
    with pytest.raises(UserError, match="4 steps in a row up to step 6 had"):
        run(tone_dataset, tmp_path / "s", log_every="8", checkpoint_every="8", max_bad_steps="4")
    assert asked == [2, 4, 4], "after step 4, when two were bad, two later, and as the run ends"


def test_the_count_begins_anew_after_a_good_step_and_0_never_stops(tone_dataset, tmp_path, monkeypatch):
    broken(monkeypatch, (2, 3, 5, 6))
    run(tone_dataset, tmp_path / "r")
    broken(monkeypatch, range(2, 99))
    run(tone_dataset, tmp_path / "s", max_bad_steps="0")
    assert RunFolder(tmp_path / "s").steps() == [1, 8]


def test_without_a_checkpoint_it_says_to_begin_anew_and_that_works(tone_dataset, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        broken(patch, range(1, 99))
        with pytest.raises(UserError, match="Look at that batch, then begin anew with a lower --lr"):
            run(tone_dataset, tmp_path / "r")
    run(tone_dataset, tmp_path / "r", lr="1e-4")


def test_what_is_asked_to_be_saved_meanwhile_waits_for_a_good_step(tone_dataset, tmp_path, monkeypatch):
    """It was saved, and the message named that checkpoint to go on from."""
    broken(monkeypatch, range(4, 6))
    run(tone_dataset, tmp_path / "r", Asking(4, "save"), checkpoint_every="99")
    assert RunFolder(tmp_path / "r").steps() == [6, 8]
    broken(monkeypatch, range(4, 99))
    with pytest.raises(UserError, match=r"--checkpoint step-00000003 and"):
        run(tone_dataset, tmp_path / "s", Asking(5, "save"))
    assert RunFolder(tmp_path / "s").steps() == [2, 3]


def test_the_one_to_go_on_from_is_of_before_them_though_the_run_was_left_and_resumed(
    tone_dataset, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        broken(patch, range(4, 99))
        run(tone_dataset, tmp_path / "r", Asking(5, "quit"))
        broken(patch, range(1, 99))
        with pytest.raises(UserError, match=r"3 steps in a row up to step 6 .*--checkpoint step-00000003 and"):
            run(tone_dataset, tmp_path / "r", resume="true")
    assert RunFolder(tmp_path / "r").steps() == [2, 3, 5]
    run(tone_dataset, tmp_path / "r", resume="true", checkpoint="step-00000003", lr="1e-4")
