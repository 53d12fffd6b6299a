"""What is asked of a run, when it is done, and what is said to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from valle_controls import export
from valle_controls.session import Session


class Talk:
    """A session, and what it answered to each line."""

    def __init__(self, run: Path) -> None:
        self.session, self.answers = Session(run, 0, 100), []

    def say(self, line: str) -> None:
        self.session.take(line, lambda answer: self.answers.append((line, answer)))

    @property
    def texts(self) -> list[str]:
        return [answer.text for _, answer in self.answers]


@pytest.fixture
def talk(tmp_path) -> Talk:
    return Talk(tmp_path / "run")


def test_status_is_told_at_once_whatever_the_loop_does(talk):
    talk.say("status")
    talk.session.requests(7)
    talk.session.logged(7, {"loss": 2.5, "lr": 1e-3, "tokens_per_second": 900.0}, {})
    talk.session.saved(7, Path("r/checkpoints/step-00000007"))
    talk.say("status")
    first, second = (answer for _, answer in talk.answers)
    assert first.text == "training, step 0 of 100"
    assert second.text.startswith("training, step 7 of 100 · loss 2.5 · lr 0.001 · tokens/s 900 · ")
    assert second.text.endswith(" left · saved step-00000007")
    assert {"step", "steps", "loss", "process", "checkpoint", "state"} <= second.facts.keys()


def test_words_are_kept_for_the_loop_and_answered_when_they_are_done(talk):
    for line in ("save", "eval", "lr 1e-4", "quit"):
        talk.say(line)
    assert talk.texts == []
    assert talk.session.requests(3) == {"save": True, "eval": True, "lr": 1e-4, "quit": True}
    assert talk.texts == ["peak learning rate 0.0001 from step 4 on"]
    talk.session.logged(3, {"loss": 1.0, "text_gain": 0.25}, {"text_gain": 0.25})
    talk.session.saved(3, Path("c"))
    config = talk.session._run / "config.yaml"
    assert talk.texts[1:] == [
        "at step 3: text_gain 0.25", "saved c", f"saved c; go on with: valle train --config {config} --resume",
    ]  # fmt: skip
    assert talk.session.requests(4) == {}


def test_the_last_rate_counts(talk):
    talk.say("lr 1")
    talk.say("lr 2")
    assert talk.session.requests(1) == {"lr": 2.0}
    assert len(talk.answers) == 2


def test_an_evaluation_that_the_run_does_not_have_is_told(talk):
    talk.say("eval")
    talk.session.requests(1)
    talk.session.logged(1, {"loss": 1.0}, {})
    (answer,) = (answer for _, answer in talk.answers)
    assert not answer.ok
    assert answer.text.startswith("nothing is measured on held-out rows in this run")


def test_a_wrong_word_reaches_nobody(talk):
    talk.say("lr abc")
    assert talk.session.requests(1) == {}
    assert [answer.ok for _, answer in talk.answers] == [False]


def test_what_was_asked_too_late_is_answered_too(talk):
    talk.say("save")
    talk.session.requests(1)
    talk.say("quit")
    talk.session.end("the run is over, at step 1", wait=True)
    talk.say("save")
    assert talk.texts == ["the run is over, at step 1"] * 3
    talk.say("status")
    assert talk.texts[-1].startswith("over, step 1 of 100")


@pytest.mark.parametrize(("code", "ok"), [("pass", True), ("import sys; sys.exit('error: disk full')", False)])
def test_an_export_runs_beside_the_training_and_is_waited_for_at_the_end(talk, monkeypatch, code, ok):
    asked = []

    def run(words, env, **settings):
        asked.append((words[3:], sorted(name for name in env if name in ("RANK", "WORLD_SIZE"))))
        return real([sys.executable, "-c", code], **settings)

    real = export.subprocess.run
    monkeypatch.setattr(export.subprocess, "run", run)
    monkeypatch.setenv("RANK", "0")
    talk.say("export")
    assert talk.session.requests(5) == {"save": True}
    checkpoint = talk.session._run / "checkpoints" / "step-00000005"
    talk.session.saved(5, checkpoint)
    talk.session.end("over", wait=True)
    out = talk.session._run / "exports" / "step-00000005"
    assert asked == [(["export", str(checkpoint), "--out", str(out)], [])]
    message = f"exported step-00000005 to {out}" if ok else "nothing was exported: disk full"
    assert [(answer.ok, answer.text) for _, answer in talk.answers] == [(ok, message)]
