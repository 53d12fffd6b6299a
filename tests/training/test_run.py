"""A run trains, saves, and a resumed run gives the losses of an uninterrupted one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from valle_core.checkpoint.folder import RunFolder, read_manifest, read_tensors
from valle_core.checkpoint.load import load_model
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_testing.runs import SMALL, figures, train

SETTINGS = SMALL | {
    "arch.d_model": "32", "arch.n_layers": "2", "steps": "12", "checkpoint_every": "4", "batching.seconds": "64",
}  # fmt: skip
run = partial(train, SETTINGS)


@pytest.fixture(scope="module")
def whole(tone_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(tone_dataset, out)
    return out


def test_an_untroubled_run_leaves_config_metrics_and_checkpoints(whole, tone_dataset):
    assert [line["step"] for line in figures(whole)] == list(range(1, 13))
    assert RunFolder(whole).steps() == [4, 8, 12]
    manifest = read_manifest(RunFolder(whole).latest())
    assert manifest.codec.name == "fake"
    assert {plugin.name for plugin in manifest.plugins} == {"transformer", "sdpa", "tts"}
    again = resolve(TRAIN_SCHEMA, Registry.open(), yaml_file=RunFolder(whole).config)
    assert again.part("arch").options.d_model == 32


def test_a_resumed_run_gives_the_figures_and_weights_of_an_uninterrupted_one(whole, tone_dataset, tmp_path):
    class Stop(Exception):
        pass

    def die_at_seven(line):
        if line["step"] == 7:
            raise Stop

    out = tmp_path / "broken"
    with pytest.raises(Stop):
        run(tone_dataset, out, report=die_at_seven)
    assert [line["step"] for line in figures(out)][-1] == 7
    run(tone_dataset, out, resume="true")
    assert figures(out) == figures(whole)
    mine = read_tensors(RunFolder(out).latest(), "model")
    for name, tensor in read_tensors(RunFolder(whole).latest(), "model").items():
        assert torch.equal(mine[name], tensor), name


def test_another_seed_gives_other_losses(whole, tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "r", seed="1", steps="4")
    assert figures(tmp_path / "r")[3]["loss"] != figures(whole)[3]["loss"]


def test_interrupting_saves_and_resumes(tone_dataset, tmp_path, whole):
    out = tmp_path / "r"

    def interrupt(line):
        if line["step"] == 6:
            os.kill(os.getpid(), signal.SIGINT)

    result = run(tone_dataset, out, report=interrupt)
    assert result.reason == "interrupted"
    assert RunFolder(out).steps()[-1] == result.step < 12
    run(tone_dataset, out, resume="true")
    assert figures(out) == figures(whole)


def test_observers_are_told(tone_dataset, tmp_path):
    from valle_core.registry.hooks import hookimpl

    told, steps = [], []

    class Watch:
        @hookimpl
        def train_start(self, facts):
            told.append("start")

        @hookimpl
        def train_step_end(self, step, metrics):
            steps.append((step, metrics.get("step")))

        @hookimpl
        def checkpoint_saved(self, step, path):
            told.append((step, path.is_dir()))

        @hookimpl
        def train_end(self, step):
            told.append(("end", step))

    observers = Observers()
    observers.add("watch", Watch())
    run(tone_dataset, tmp_path / "r", observers=observers, steps="5", log_every="2")
    assert told == ["start", (4, True), (5, True), ("end", 5)]
    assert [step for step, _ in steps] == [1, 2, 3, 4, 5]
    logged = [line for _, line in steps if line is not None]
    assert logged == [json.loads(line)["step"] for line in (tmp_path / "r" / "metrics.jsonl").open()]


@pytest.mark.parametrize("hook", ["train_start", "train_step_end", "checkpoint_saved", "train_end"])
@pytest.mark.parametrize("critical", [False, True])
def test_a_failing_observer_is_reported_once_and_a_critical_one_stops_the_run(tone_dataset, tmp_path, hook, critical):
    from valle_core.registry.hooks import hookimpl

    def fail():
        raise RuntimeError("boom")

    reports: list[str] = []
    observers = Observers(reports.append)
    observers.add("guard", type("Guard", (), {hook: staticmethod(hookimpl(fail))})(), critical=critical)
    if critical:
        with pytest.raises(UserError, match=rf"hook 'guard' failed in {hook}: RuntimeError: boom. It is critical"):
            run(tone_dataset, tmp_path / "r", observers=observers, steps="2")
        return
    assert run(tone_dataset, tmp_path / "r", observers=observers, steps="2").step == 2
    assert reports == [f"hook 'guard' failed in {hook}: RuntimeError: boom. It is left out from here on"]


def test_a_run_folder_is_not_trained_over(whole, tone_dataset):
    with pytest.raises(UserError, match="already holds a run"):
        run(tone_dataset, whole)


def test_resuming_what_is_no_run_is_refused(tone_dataset, tmp_path):
    with pytest.raises(UserError, match="no such run"):
        run(tone_dataset, tmp_path / "nowhere", resume="true")


def test_resuming_with_another_shape_is_refused(whole, tone_dataset):
    with pytest.raises(UserError, match="another shape"):
        run(tone_dataset, whole, resume="true", arch__d_model="48")


def test_a_codec_other_than_the_datasets_is_refused(tone_dataset, tmp_path):
    with pytest.raises(UserError, match=r"fake.*mel-gl|mel-gl.*fake"):
        run(tone_dataset, tmp_path / "r", codec="mel-gl")
    assert not (tmp_path / "r").exists()


def test_too_many_levels_are_refused(tone_dataset, tmp_path):
    with pytest.raises(UserError, match="has 4 levels"):
        run(tone_dataset, tmp_path / "r", model__levels="9")


def test_halves_can_be_trained_apart(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "ar", model__parts="ar", steps="3")
    assert "loss_1" not in figures(tmp_path / "ar")[-1]
    run(tone_dataset, tmp_path / "nar", model__parts="nar", steps="3")
    assert "loss_0" not in figures(tmp_path / "nar")[-1]


def test_bf16_trains(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "r", precision="bf16", steps="3")
    assert figures(tmp_path / "r")[-1]["loss"] > 0


def test_fp16_without_a_gpu_is_refused(tone_dataset, tmp_path):
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        run(tone_dataset, tmp_path / "r", precision="fp16")


def test_a_loaded_model_has_the_trained_weights(whole):
    loaded = load_model(whole, Registry.open(), device=torch.device("cpu"))
    saved = read_tensors(RunFolder(whole).latest(), "model")
    assert all(torch.equal(tensor, saved[name]) for name, tensor in loaded.model.state_dict().items())
    assert not loaded.model.training


def test_a_checkpoint_of_a_missing_plugin_names_distribution_version_and_install_line(whole, tmp_path):
    import shutil

    shutil.copytree(whole, tmp_path / "r")
    path = RunFolder(tmp_path / "r").latest() / "manifest.json"
    stored = json.loads(path.read_text())
    stored["plugins"][0] |= {"name": "hyena", "distribution": "valle-hyena", "version": "3.1"}
    path.write_text(json.dumps(stored))
    with pytest.raises(UserError, match=r"arch 'hyena' of valle-hyena 3\.1.*pip install valle-hyena==3\.1"):
        load_model(tmp_path / "r", Registry.open(), device=torch.device("cpu"))


SCRIPT = """
import sys
from valle_core.config.resolve import resolve
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import run_training
registry = Registry.open()
flags = [tuple(argument.split("=", 1)) for argument in sys.argv[1:]]
run_training(resolve(TRAIN_SCHEMA, registry, flags=flags), registry, Observers())
"""


def kill_and_resume(data: Path, out: Path, whole: Path, kills: int, steps: str = "12") -> None:
    """Kill -9 at random moments; whatever is on the disk is whole, and the end equals an untroubled run."""
    rng = random.Random(kills)
    settings = SETTINGS | {"data": str(data), "out": str(out), "checkpoint_every": "1", "keep": "2", "steps": steps}
    done = 0
    for _ in range(kills):
        resume = {"resume": "true"} if RunFolder(out).steps() else {}
        arguments = [f"{k}={v}" for k, v in (settings | resume).items()]
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if (RunFolder(out).steps() or [0])[-1] > done:
                break
            time.sleep(0.005)
        time.sleep(rng.random() * 0.05)
        process.kill()
        _, errors = process.communicate()
        assert b"error" not in errors.lower() or process.returncode == -signal.SIGKILL, errors.decode()
        saved = RunFolder(out).steps()
        assert saved, "a checkpoint was written before the kill"
        assert saved[-1] >= done, "no saved step is lost"
        done = saved[-1]
        latest = RunFolder(out).latest()
        assert read_manifest(latest).step == done
        for stem in ("model", "optimizer", "random"):
            read_tensors(latest, stem)
    run(data, out, checkpoint_every="1", keep="2", steps=steps, resume="true")
    expected = read_tensors(RunFolder(whole).latest(), "model")
    assert all(torch.equal(t, expected[n]) for n, t in read_tensors(RunFolder(out).latest(), "model").items())


def test_killed_twice_a_run_ends_as_if_nothing_had_happened(tone_dataset, tmp_path, whole):
    kill_and_resume(tone_dataset, tmp_path / "r", whole, 2)


@pytest.mark.slow
def test_killed_twenty_times_a_run_ends_as_if_nothing_had_happened(tone_dataset, tmp_path, tmp_path_factory):
    whole = tmp_path_factory.mktemp("runs") / "long"
    run(tone_dataset, whole, steps="60")
    kill_and_resume(tone_dataset, tmp_path / "r", whole, 20, steps="60")
