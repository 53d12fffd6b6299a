"""What an evaluation wrote reaches the trackers that take sounds and pictures."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest
from valle_trackers.evaluated import media_of
from valle_trackers.hook import Trackers
from valle_trackers.states import find_runs

from valle_cli.main import run as valle
from valle_testing.fakes.audio import tone_corpus


@pytest.fixture
def run_with_evaluation(tmp_path) -> Path:
    """A run folder with the evaluation of step 10."""
    folder = tmp_path / "eval" / "step-00000010"
    folder.mkdir(parents=True)
    sentence = {"id": "a", "speech": "1.wav", "recording": "1-recording.wav", "spectrogram": "1.png"}
    (folder / "eval.json").write_text(json.dumps({"step": 10, "attention": "", "sentences": [sentence]}))
    for name in ("1.wav", "1-recording.wav"):
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(b"\0\1" * 160)
    from matplotlib.image import imsave

    imsave(folder / "1.png", [[0.0, 1.0], [1.0, 0.0]])
    return tmp_path


def test_sounds_and_pictures_have_names_and_a_step_without_any_has_none(run_with_evaluation):
    sounds, pictures = media_of(run_with_evaluation, 10)
    assert sorted(sounds) == ["eval/1/recording", "eval/1/speech"]
    assert sorted(pictures) == ["eval/1/spectrogram"]
    assert media_of(run_with_evaluation, 20) == ({}, {})


def test_a_file_outside_of_the_folder_is_refused(run_with_evaluation):
    (run_with_evaluation / "eval" / "step-00000010" / "eval.json").write_text('{"attention": "../../x.png"}')
    with pytest.raises(ValueError, match="outside"):
        media_of(run_with_evaluation, 10)


def test_a_tracker_gets_them_with_the_line_of_the_evaluation(run_with_evaluation):
    class Takes:
        def __init__(self) -> None:
            self.taken: list = []

        def log(self, step, metrics) -> None: ...
        def close(self) -> None: ...
        def media(self, step, sounds, pictures) -> None:
            self.taken.append((step, *sounds, *pictures))

    hook, tracker = Trackers(), Takes()
    hook.begin(run_with_evaluation, [])
    hook._open["takes"] = tracker
    hook.train_step_end(10, {"loss": 1.0})
    assert tracker.taken == []
    hook.train_step_end(10, {"loss": 1.0, "held_out_loss": 2.0})
    assert tracker.taken == [(10, "eval/1/speech", "eval/1/recording", "eval/1/spectrogram")]


def test_the_list_of_runs_and_the_plot_know_the_held_out_loss(run_with_evaluation, tmp_path, capsys):
    run = run_with_evaluation
    (run / "config.yaml").write_text("steps: 20\narch: {name: llama}\n")
    lines = [{"step": 10, "loss": 1.5, "held_out_loss": 1.25, "held_out_loss_0": 1.0}, {"step": 11, "loss": 1.4}]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (one,) = find_runs(run)
    assert (one.loss, one.held_out_loss) == (1.4, 1.25)
    assert valle(["runs", str(run)]) == 0
    assert "held out 1.250" in capsys.readouterr().out
    out = str(tmp_path / "curves.png")
    assert valle(["plot", str(run), "--y", "held_out_loss", "--y", "level0.held_out_loss", "--out", out]) == 0


@pytest.mark.parametrize("name", ["tensorboard", pytest.param("wandb", marks=pytest.mark.slow)])
def test_a_run_with_evaluation_is_read_back_by_the_tracker(name, tmp_path, monkeypatch):
    pytest.importorskip(name)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    tone_corpus(tmp_path / "wav", speakers=1, utterances=4, letters=4)
    words = ["--codec", "tiny", "--frontend", "text", "--language", "en", "--held-out-fraction", "0.3", "--quiet"]
    assert valle(["prepare", str(tmp_path / "wav"), "--out", str(tmp_path / "data"), *words]) == 0
    model = ["--arch", "transformer", "--arch.d-model", "32", "--arch.n-layers", "1", "--arch.n-heads", "2"]
    some = ["--steps", "1", "--eval-every", "1", "--eval-sentences", "1", "--batching.seconds", "8", "--quiet"]
    run = tmp_path / "run"
    assert valle(["train", "--data", str(tmp_path / "data"), "--out", str(run), *model, *some, "--trackers", name]) == 0
    if name == "wandb":
        (offline,) = run.glob("wandb/offline-run-*")
        assert {path.suffix for path in offline.rglob("media/**/*.*")} == {".wav", ".png"}
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    line = json.loads((run / "metrics.jsonl").read_text())
    for column in ("loss", "held_out_loss", "held_out_loss_0"):
        assert events.Scalars(column)[0].value == pytest.approx(line[column], rel=1e-6)
    assert sorted(events.Tags()["audio"]) == ["eval/1/recording", "eval/1/speech"]
    assert sorted(events.Tags()["images"]) == ["eval/1/spectrogram", "eval/attention"]
