"""Runs with each optimizer and schedule: they learn, resume exactly, and say what is missing before anything loads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import yaml
from valle_optimizers.muon import MuonOptions, build

from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_testing.runs import SMALL, figures, train

SETTINGS = SMALL | {"steps": "10", "warmup": "3", "checkpoint_every": "5", "batching.seconds": "8"}
OPTIMIZERS = ("adamw", "adafactor", "adamw-8bit", "lion", "muon", "prodigy", "schedule-free")
SCHEDULES = ("cosine", "constant", "linear", "noam", "one-cycle", "wsd")
LIBRARIES = {
    "adamw-8bit": "bitsandbytes",
    "lion": "lion_pytorch",
    "prodigy": "prodigyopt",
    "schedule-free": "schedulefree",
}


def run(data: Path, out: Path, config: Path | None = None, **changes):
    return train({} if config else SETTINGS, data, out, config=config, **changes)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ten_steps_are_five_and_five_resumed(tone_dataset, tmp_path, name):
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name])
    if name == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("needs PyTorch 2.9")
    more = {"optimizer__smallest": "64"} if name == "adamw-8bit" else {}
    run(tone_dataset, tmp_path / "whole", optimizer=name, **more)
    run(tone_dataset, tmp_path / "r", optimizer=name, checkpoint_every="5", minutes="0", **more)
    folder = RunFolder(tmp_path / "r")
    assert folder.steps() == [5, 10]
    run(tone_dataset, tmp_path / "r", config=folder.config, resume="true", checkpoint="step-00000005")
    assert figures(tmp_path / "r") == figures(tmp_path / "whole")
    ends = [read_tensors(RunFolder(tmp_path / one).latest(), "model") for one in ("whole", "r")]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_muon_names_the_torch_that_has_it(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(UserError, match=r"needs PyTorch 2\.9 or newer, got "):
        build(MuonOptions(), groups=[], rate=1e-3)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_on_where_it_was(tone_dataset, tmp_path, name):
    run(tone_dataset, tmp_path / "whole", schedule=name)
    run(tone_dataset, tmp_path / "r", schedule=name, minutes="0.0000001")
    folder = RunFolder(tmp_path / "r")
    assert folder.steps() == [1]
    run(tone_dataset, tmp_path / "r", config=folder.config, resume="true", minutes="0")
    assert figures(tmp_path / "r") == figures(tmp_path / "whole")
    rates = [line["lr"] for line in figures(tmp_path / "r")]
    peak = yaml.safe_load(folder.config.read_text())["lr"]
    assert max(rates) == pytest.approx(peak)
    assert rates[0] < 0.5 * peak


def test_the_rate_follows_the_width_and_a_run_keeps_the_one_it_began_with(tone_dataset, tmp_path):
    """5e-4 at a width of 1024, with 1/√width; runs from before there was `auto` say 0.001."""
    run(tone_dataset, tmp_path / "r", steps="2")
    config = RunFolder(tmp_path / "r").config
    assert yaml.safe_load(config.read_text())["lr"] == pytest.approx(5e-4 * 8)
    wide = {"arch__d_model": "64", "steps": "1"}
    run(tone_dataset, tmp_path / "wide", **wide)
    assert yaml.safe_load(RunFolder(tmp_path / "wide").config.read_text())["lr"] == pytest.approx(5e-4 * 4)
    old = yaml.safe_load(config.read_text()) | {"lr": 0.001, "schedule": "constant"}
    for name in ("optimizer", "loss"):
        old.pop(name)
    config.write_text(yaml.safe_dump(old))
    run(tone_dataset, tmp_path / "r", steps="3", resume="true")
    assert figures(tmp_path / "r")[-1]["lr"] == pytest.approx(0.001)
    assert yaml.safe_load(config.read_text())["lr"] == 0.001


def test_a_run_begun_at_a_rate_of_0_goes_on_at_0(tone_dataset, tmp_path):
    """It went on at that of `auto`."""
    run(tone_dataset, tmp_path / "r", steps="1", lr="0")
    run(tone_dataset, tmp_path / "r", steps="2", resume="true")
    assert [line["lr"] for line in figures(tmp_path / "r")] == [0, 0]


def test_the_configuration_of_an_older_run_is_read(tone_dataset, tmp_path):
    """`schedule: constant` was an option of the core, `betas` and `decay_from` still are."""
    old = {"arch": {"name": "transformer", "d_model": 16, "n_layers": 1, "n_heads": 2}, "steps": 2, "lr": 0.001,
           "schedule": "constant", "betas": [0.9, 0.95], "decay_from": 0.0, "device": "cpu"}  # fmt: skip
    config = tmp_path / "old.yaml"
    config.write_text(yaml.safe_dump(old))
    run(tone_dataset, tmp_path / "r", config=config, warmup="0")
    assert [line["lr"] for line in figures(tmp_path / "r")] == [0.001]


def test_another_optimizer_than_the_runs_is_refused(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "r", optimizer="adafactor", steps="2")
    with pytest.raises(UserError, match="was trained with --optimizer adafactor; resume with the options of the run"):
        run(tone_dataset, tmp_path / "r", steps="4", resume="true")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"optimizer": "muon", "betas": "[0.8, 0.9]"},
            "--betas is an option of adamw; --optimizer muon has",
        ),
        ({"schedule": "wsd", "decay_from": "0.5"}, "--decay-from is an option of cosine; --schedule wsd has options"),
        ({"optimizer": "schedule-free", "average": "0.9"}, "averages the weights by itself; leave --average out"),
        ({"optimizer": "muom"}, "there is no optimizer 'muom'. Did you mean 'muon'?"),
        ({"schedule": "wds"}, "there is no schedule 'wds'. Did you mean 'wsd'?"),
        ({"schedule": "wsd", "schedule__decay": "2"}, r"decay must be in \[0, 1\], got 2"),
        ({"optimizer__momentum": "0.5"}, "--optimizer.momentum: name the optimizer that has it: --optimizer NAME"),
        ({"lr": "fast"}, "--lr: expected a number or one of auto, got 'fast'"),
        ({"lr": "-1"}, "lr must be at least 0, got -1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tone_dataset, tmp_path, changes, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(") if "[" not in message else message) as told:
        run(tone_dataset, tmp_path / "r", **changes)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_missing_library_is_named_with_its_extra_before_anything_is_loaded(tmp_path, monkeypatch, name):
    monkeypatch.setattr("valle_core.registry.catalog.is_importable", lambda module: module != LIBRARIES[name])
    extra = {"adamw-8bit": "8bit"}.get(name, name)
    with pytest.raises(UserError, match=rf"needs {LIBRARIES[name]}, .*'valle-optimizers\[{extra}\]'"):
        run(tmp_path / "no dataset", tmp_path / "r", optimizer=name)


def test_a_listing_imports_no_library():
    registry = Registry.open()
    before = set(sys.modules)
    names = {entry.name for kind in ("optimizer", "schedule") for entry in registry.entries(kind)}
    assert names == {*OPTIMIZERS, *SCHEDULES} - {"adamw", "cosine"}
    assert not {"torch", *LIBRARIES.values()} & (set(sys.modules) - before)


def test_what_is_spoken_with_after_schedule_free_is_the_average(tone_dataset, tmp_path):
    pytest.importorskip("schedulefree")
    run(tone_dataset, tmp_path / "r", optimizer="schedule-free", steps="4")
    model, current = (read_tensors(RunFolder(tmp_path / "r").latest(), stem) for stem in ("model", "current"))
    assert model.keys() == current.keys()
    assert not torch.equal(model["heads.weight"], current["heads.weight"])
