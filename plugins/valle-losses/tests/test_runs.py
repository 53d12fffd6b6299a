"""Runs with further losses: what their metrics say, and a student of 6 layers that follows a teacher of 24."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from valle_losses.layers import kept_layers, with_layers

from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.run import run_training
from valle_kit.init_from import start_from

SETTINGS = {
    "arch": "transformer", "arch.d_model": "16", "arch.n_layers": "1", "arch.n_heads": "2", "arch.dropout": "0",
    "steps": "2", "warmup": "0", "log_every": "1", "device": "cpu", "batching.seconds": "8",
}  # fmt: skip


def run(data: Path, out: Path, *losses: tuple[str, str], **changes) -> list[dict]:
    flags = SETTINGS | {"data": str(data), "out": str(out)} | {k.replace("__", "."): v for k, v in changes.items()}
    registry = Registry.open()
    resolved = resolve(TRAIN_SCHEMA, registry, flags=[*flags.items(), *losses])
    run_training(resolved, registry, Observers(), start_from=start_from)
    return [json.loads(line) for line in RunFolder(out).metrics.read_text().splitlines()]


def test_metrics_name_each_and_the_loss_is_their_sum(tone_dataset, tmp_path):
    plain = run(tone_dataset, tmp_path / "plain")[0]
    losses = [
        ("loss", "z-loss"),
        ("loss.weight", "0.01"),
        ("loss", "label-smoothing"),
        ("loss", "top-k"),
        ("loss.k", "5"),
    ]
    line = run(tone_dataset, tmp_path / "r", *losses)[0]
    assert line["loss"] == pytest.approx(plain["loss"] + line["z_loss"] + line["label_smoothing"], rel=1e-5)
    assert line["loss_0"] == pytest.approx(plain["loss_0"], rel=1e-6)
    assert line["accuracy_0"] <= line["top5_accuracy_0"] <= 1
    assert 0 < line["top5_accuracy"] < 1


def test_batches_of_a_step_weigh_by_their_positions(tone_dataset, tmp_path):
    """Three batches in one step, or in three steps that train nothing: equal figures."""
    both = ("loss", "z-loss"), ("loss", "top-k")
    line = run(tone_dataset, tmp_path / "r", *both, accumulate="3", steps="1")[0]
    apart = run(tone_dataset, tmp_path / "apart", *both, lr="0", steps="3", log_every="3")[0]
    for name in ("loss", "loss_0", "z_loss", "top10_accuracy"):
        assert line[name] == pytest.approx(apart[name], rel=1e-5), name
    assert line["top10_accuracy"] <= 1
    levels = [value for name, value in line.items() if name.startswith("top10_accuracy_")]
    assert min(levels) <= line["top10_accuracy"] <= max(levels)


@pytest.mark.parametrize(("layers", "steps"), [((3, 1), 24), pytest.param((24, 6), 60, marks=pytest.mark.slow)])
def test_a_student_follows_a_teacher_of_more_layers(tone_dataset, tmp_path, layers, steps):
    teacher = tmp_path / "teacher"
    run(tone_dataset, teacher, steps=str(steps), arch__n_layers=str(layers[0]), lr="0.003")
    sizes = {"steps": str(steps), "arch__n_layers": str(layers[1]), "lr": "0.003"}
    alone = run(tone_dataset, tmp_path / "alone", ("loss", "distill"), ("loss.teacher", str(teacher)),
                ("loss.weight", "0"), **sizes)  # fmt: skip
    taught = run(tone_dataset, tmp_path / "taught", ("loss", "distill"), ("loss.teacher", str(teacher)),
                 ("loss.weight", "0.9"), **sizes)  # fmt: skip
    last = [sum(line["teacher_kl"] for line in lines[-6:]) / 6 for lines in (alone, taught)]
    assert last[1] < 0.9 * last[0]
    assert last[1] < 0.5 * taught[0]["teacher_kl"]


def test_a_run_with_fewer_layers_is_a_start(tone_dataset, tmp_path):
    whole = tmp_path / "whole"
    run(tone_dataset, whole, arch__n_layers="5", steps="1")
    path, before = with_layers(whole, tmp_path / "small", 3)
    assert (before, kept_layers(5, 3)) == (5, (0, 2, 4))
    old, new = read_tensors(RunFolder(whole).latest(), "model"), read_tensors(path, "model")
    layers = {name for name in new if ".layers.2." in name}
    assert layers
    assert all(torch.equal(new[name], old[name.replace(".layers.2.", ".layers.4.")]) for name in layers)
    run(tone_dataset, tmp_path / "student", ("loss", "distill"), ("loss.teacher", str(whole)),
        arch__n_layers="3", init_from=str(tmp_path / "small"), steps="1")  # fmt: skip
    with pytest.raises(UserError, match=r"layers must be in \[1, 4\], as .* has 5, got 5"):
        with_layers(whole, tmp_path / "no", 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__layout": "text-first"}, "reads other rows than this run. Give the same --model"),
        ({"model__levels": "1"}, "reads other rows than this run"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_before_anything_is_written(tone_dataset, tmp_path, changes, message):
    run(tone_dataset, tmp_path / "teacher", steps="1")
    with pytest.raises(UserError, match=message):
        run(tone_dataset, tmp_path / "r", ("loss", "distill"), ("loss.teacher", str(tmp_path / "teacher")), **changes)
    assert not (tmp_path / "r").exists()
