"""What goes wrong while a run is under way loses nothing: it is saved, made anew, or said."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from valle_core.checkpoint.folder import RunFolder
from valle_core.plugin import UserError
from valle_core.training import step as steps
from valle_data.batching import workers
from valle_testing.runs import SMALL, losses, train

SETTINGS = SMALL | {"steps": "6", "checkpoint_every": "9", "batching.seconds": "8"}


run = partial(train, SETTINGS)


def failing(monkeypatch, at: int) -> None:
    """The loss of one step cannot be computed."""
    calls, real = [], steps.token_loss

    def token_loss(*given):
        calls.append(1)
        if len(calls) == at:
            raise RuntimeError("the device is gone")
        return real(*given)

    monkeypatch.setattr(steps, "token_loss", token_loss)


def test_a_step_that_fails_saves_the_steps_before_and_the_run_goes_on_as_if_nothing_had_been(
    tone_dataset, tmp_path, monkeypatch, capsys
):
    run(tone_dataset, tmp_path / "whole")
    failing(monkeypatch, at=4)
    with pytest.raises(RuntimeError, match="the device is gone"):
        run(tone_dataset, tmp_path / "r")
    assert RunFolder(tmp_path / "r").steps() == [3]
    assert "warning: step 4 failed; the run is saved at step 3: go on with --resume" in capsys.readouterr().err
    run(tone_dataset, tmp_path / "r", resume="true")
    assert losses(tmp_path / "r") == losses(tmp_path / "whole")


def test_a_step_that_fails_with_some_weights_changed_is_not_saved(tone_dataset, tmp_path, monkeypatch, capsys):
    """It was, as if no weight were: --resume took the step from there."""
    calls, real = [], torch.optim.AdamW.step

    def step(self, *given):
        calls.append(1)
        real(self, *given)
        if len(calls) == 4:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(tone_dataset, tmp_path / "r", checkpoint_every="2")
    assert RunFolder(tmp_path / "r").steps() == [2]
    assert "is saved" not in capsys.readouterr().err


def test_a_first_step_that_fails_leaves_nothing(tone_dataset, tmp_path, monkeypatch):
    failing(monkeypatch, at=1)
    with pytest.raises(RuntimeError, match="the device is gone"):
        run(tone_dataset, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def dying(monkeypatch, after: list[int]) -> None:
    """Loaders that give so many examples, one after the other, before a worker dies; the next is without end."""
    lives = iter(after)

    def loaded(recipe, workers, batch_ids):
        left = next(lives, None)
        asked = [next(batch_ids, None) for _ in range(3)]  # ahead
        while asked[0] is not None:
            if left == 0:
                raise RuntimeError("DataLoader worker (pid 7) exited unexpectedly")
            yield asked.pop(0)
            asked.append(next(batch_ids, None))
            left = None if left is None else left - 1

    monkeypatch.setattr(workers, "_loaded", loaded)


def test_a_worker_that_died_is_started_again_and_no_batch_is_lost(monkeypatch, capsys):
    dying(monkeypatch, [2, 0, 4])
    assert list(workers.fetch_ahead(None, 1, iter(range(10)))) == list(range(10))
    assert capsys.readouterr().err.count("a data worker died (DataLoader worker (pid 7) exited") == 3


def test_workers_that_die_again_and_again_end_the_run_in_one_line(monkeypatch):
    dying(monkeypatch, [1, 0, 0, 0, 0])
    with pytest.raises(UserError, match=r"a data worker died \(.*\)\. Give fewer \(--data\.workers\) or more memory"):
        list(workers.fetch_ahead(None, 1, iter(range(10))))
