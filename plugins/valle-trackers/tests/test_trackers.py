"""What `--trackers` names gets every line of the metrics; what fails is named once and the run goes on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from valle_trackers.hook import HOOK, Trackers
from valle_trackers.plugin import TRACKERS as SPEC
from valle_trackers.trackers.known import TRACKERS, Known

from valle_testing import suite

test_it_conforms = suite.conformance("hook", lambda: HOOK, spec=SPEC)


class Kept:
    """Remembers; fails where it is told to."""

    def __init__(self, run, config) -> None:
        self.run, self.config, self.lines, self.closed = run, config, [], False
        MADE.append(self)

    def log(self, step, metrics) -> None:
        if metrics.get("loss") == 13:
            raise OSError("no network")
        self.lines.append((step, metrics))

    def close(self) -> None:
        self.closed = True


MADE: list[Kept] = []


@pytest.fixture
def started(monkeypatch, tmp_path):
    """`started("kept", …)`: the hook of a run with these trackers."""
    monkeypatch.setitem(TRACKERS, "kept", Known(f"{__name__}:Kept", "json"))
    monkeypatch.setitem(TRACKERS, "absent", Known("nowhere:x", "nowhere_at_all"))
    monkeypatch.setattr("valle_trackers.trackers.known.import_module", lambda name: SimpleNamespace(Kept=Kept))
    MADE.clear()
    (tmp_path / "config.yaml").write_text("steps: 3\n")

    def start(*names):
        hook = Trackers()
        live = SimpleNamespace(options=SimpleNamespace(trackers=names))
        hook.train_start({"step": 0, "steps": 3, "run": str(tmp_path), "live": live})
        return hook

    return start


def test_every_line_arrives_with_numbers_alone_and_the_configuration(started):
    hook = started("kept")
    hook.train_step_end(10, {"step": 10, "loss": 2.0, "note": "x", "bad_steps": 0})
    hook.train_step_end(11, {})
    hook.train_end(11, {})
    (one,) = MADE
    assert (one.lines, one.config, one.closed) == ([(10, {"loss": 2.0, "bad_steps": 0.0})], {"steps": 3}, True)


def test_an_unknown_name_and_a_missing_package_are_one_line_each(started, capsys):
    hook = started("tensorbord", "absent", "kept")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "there is no tracker 'tensorbord'. Did you mean 'tensorboard'?" in lines[0]
    assert "tracker 'absent' needs nowhere_at_all. Install it with:" in lines[1]
    hook.train_step_end(1, {"loss": 1.0})
    assert MADE[0].lines == [(1, {"loss": 1.0})]


def test_one_that_fails_is_left_out_and_told_once(started, capsys):
    hook = started("kept")
    for step, loss in ((1, 1.0), (2, 13.0), (3, 1.0)):
        hook.train_step_end(step, {"loss": loss})
    hook.train_end(3, {})
    assert MADE[0].lines == [(1, {"loss": 1.0})]
    assert capsys.readouterr().err == "warning: tracker 'kept' failed and is left out: OSError: no network\n"


def test_without_a_name_nothing_is_opened(started):
    hook = started()
    hook.train_step_end(1, {"loss": 1.0})
    hook.train_end(1, {})
    assert MADE == []


def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    hook = Trackers()
    hook.begin(tmp_path, ["tensorboard"])
    for step in (10, 20):
        hook.train_step_end(step, {"step": step, "loss": 3.0 - step / 10})
    hook.train_end(20, {})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [(10, 2.0), (20, 1.0)]


@pytest.mark.slow
def test_weights_and_biases_writes_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    hook = Trackers()
    hook.begin(tmp_path, ["wandb"])
    hook.train_step_end(10, {"loss": 3.0})
    hook.train_end(10, {})
    assert list(tmp_path.rglob("offline-run-*/run-*.wandb"))
