"""What a resumed run keeps to, and what it refuses to go on from."""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.meter import append_line
from valle_testing.damaged_files import hash_again
from valle_testing.runs import SMALL, figures, train

SETTINGS = SMALL | {"steps": "6", "checkpoint_every": "2", "batching.seconds": "64"}


run = partial(train, SETTINGS)


@pytest.fixture(scope="module")
def whole(tone_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(tone_dataset, out)
    return out


def test_a_run_stopped_by_its_minutes_goes_on_as_if_never_stopped(tone_dataset, tmp_path, whole):
    out = tmp_path / "r"
    result = run(tone_dataset, out, minutes="0.000001")
    assert (result.reason, result.step) == ("minutes", 1)
    assert run(tone_dataset, out, resume="true").reason == "steps"
    assert figures(out) == figures(whole)


def test_with_accumulation_too(tone_dataset, tmp_path):
    run(tone_dataset, tmp_path / "whole", accumulate="3")
    run(tone_dataset, tmp_path / "r", accumulate="3", minutes="0.000001")
    run(tone_dataset, tmp_path / "r", accumulate="3", resume="true")
    assert figures(tmp_path / "r") == figures(tmp_path / "whole")


def test_only_as_many_checkpoints_as_wanted_stay_when_resumed(tone_dataset, tmp_path, whole):
    shutil.copytree(whole, tmp_path / "r")
    assert RunFolder(tmp_path / "r").steps() == [2, 4, 6]
    run(tone_dataset, tmp_path / "r", resume="true", steps="8", keep="2")
    assert RunFolder(tmp_path / "r").steps() == [6, 8]


def test_a_run_that_is_done_is_left_as_it_is(tone_dataset, tmp_path, whole):
    shutil.copytree(whole, tmp_path / "r")
    result = run(tone_dataset, tmp_path / "r", resume="true")
    assert (result.step, result.last_line) == (6, {})
    assert figures(tmp_path / "r") == figures(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: stored["symbols"].insert(2, stored["symbols"].pop()), "other symbols than the dataset"),
        (lambda stored: stored["languages"].__setitem__(0, "de"), "other languages than the dataset"),
        (lambda stored: stored["codec"].update(weights_hash="f" * 16), "they differ in weights_hash"),
    ],
)
def test_resuming_with_data_that_means_something_else_is_refused(tone_dataset, tmp_path, whole, change, message):
    """Its shapes fit, so nothing else would tell."""
    shutil.copytree(whole, tmp_path / "r")
    path = RunFolder(tmp_path / "r").latest() / "manifest.json"
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))
    with pytest.raises(UserError, match=message):
        run(tone_dataset, tmp_path / "r", resume="true", steps="8")


def test_a_rate_of_nothing_learns_nothing(tone_dataset, tmp_path):
    """The demo's untrained control."""
    run(tone_dataset, tmp_path / "r", lr="0", steps="2", checkpoint_every="1")
    one, two = (read_tensors(RunFolder(tmp_path / "r").checkpoint(step), "model") for step in (1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_utterances_no_task_can_use_are_counted_by_reason(tone_dataset, tmp_path, capsys):
    run(tone_dataset, tmp_path / "tts", task="tts", steps="4")
    assert [line["skipped_utterances"] for line in figures(tmp_path / "tts")] == [0] * 4
    assert "left out" not in capsys.readouterr().err
    short = {"task": "tts-c", "task__seconds": "0.5", "task__min_rest_seconds": "0.2"}
    run(tone_dataset, tmp_path / "tts-c", steps="4", **short)
    reason = "shorter than 0.7 s (--task.seconds and --task.min-rest-seconds together)"
    for line in figures(tmp_path / "tts-c"):
        assert line["skipped_utterances"] == line[f"skipped: {reason}"] > 0
    err = capsys.readouterr().err
    count = re.search(rf"warning: (\d+) of (\d+) utterances are left out: (\d+) × {re.escape(reason)}\n", err)
    assert count is not None
    assert 0 < int(count[1]) == int(count[3]) < int(count[2])


def test_where_no_task_can_use_any_the_reason_is_told_and_no_folder_is_left(tone_dataset, tmp_path):
    """It blamed tts for what tts-c could not use."""
    with pytest.raises(UserError, match=r"none of (\d+) utterances can be used .*: \1 × shorter than 30.5 s") as told:
        run(tone_dataset, tmp_path / "deep" / "none", task="tts-c", task__seconds="30")
    assert "--task.seconds" in str(told.value)
    assert "train with" not in str(told.value)
    assert not (tmp_path / "deep").exists()
    run(tone_dataset, tmp_path / "r", task="tts-c", task__seconds="0.2", task__min_rest_seconds="0.1", steps="1")


def test_rows_longer_than_the_backbone_are_left_out_and_counted(tone_dataset, tmp_path):
    """One long recording must not end a run of hours."""
    short = {"task__min_seconds": "0.1", "task__max_seconds": "0.2"}
    run(tone_dataset, tmp_path / "r", arch__max_length="75", steps="4", **short)
    lines = figures(tmp_path / "r")
    assert sum(line.get("skipped: longer than the backbone's 75 positions a row", 0) for line in lines) > 0
    with pytest.raises(UserError, match=r"longer than the backbone's 20 positions a row"):
        run(tone_dataset, tmp_path / "none", arch__max_length="20", steps="4", **short)


def test_the_config_of_a_resumed_run_can_start_another(tone_dataset, tmp_path, whole):
    shutil.copytree(whole, tmp_path / "r")
    run(tone_dataset, tmp_path / "r", resume="true")
    registry = Registry.open()
    again = resolve(TRAIN_SCHEMA, registry, yaml_file=RunFolder(tmp_path / "r").config)
    assert not again.sections["run"].resume


@pytest.mark.parametrize("noise", ["token_rate", "token_error"])
def test_token_dropout_reaches_what_is_trained(tone_dataset, tmp_path, whole, noise):
    run(tone_dataset, tmp_path / "r", steps="1", **{f"model__{noise}": "[0.5]"})
    assert figures(tmp_path / "r")[0]["loss"] != figures(whole)[0]["loss"]


def test_metrics_that_cannot_be_written_are_told_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*: Is a directory; .*--resume"):
        append_line(tmp_path, {"step": 1})


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["transformer", "llama"])
def test_a_compiled_run_learns_the_same_and_is_saved_under_plain_names(tone_dataset, tmp_path, arch):
    changes = {"arch": arch, "arch__dropout": "0", "steps": "2"}
    run(tone_dataset, tmp_path / "plain", **changes)
    run(tone_dataset, tmp_path / "compiled", compile="true", **changes)
    plain, compiled = (read_tensors(RunFolder(tmp_path / name).latest(), "model") for name in ("plain", "compiled"))
    assert plain.keys() == compiled.keys()
    for one, other in zip(figures(tmp_path / "plain"), figures(tmp_path / "compiled"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)
    run(tone_dataset, tmp_path / "compiled", compile="true", resume="true", **{**changes, "steps": "3"})


LIES = {
    "optimizer": (
        lambda t: t.update({next(n for n in t if n.endswith("exp_avg")): torch.zeros(1)}),
        "optimizer's state",
    ),
    "random": (lambda t: t.update(cpu=torch.zeros(5056, dtype=torch.uint8)), r"random\.safetensors: cannot be read"),
    "model": (lambda t: t.update({min(t): torch.zeros(1)}), "made by a model of another shape"),
}


@pytest.mark.parametrize("stem", LIES)
def test_a_checkpoint_that_lies_is_refused_before_anything_of_it_is_used(tone_dataset, tmp_path, whole, stem):
    change, message = LIES[stem]
    checkpoint = RunFolder(Path(shutil.copytree(whole, tmp_path / "r"))).latest()
    tensors = read_tensors(checkpoint, stem)
    change(tensors)
    save_file(tensors, checkpoint / f"{stem}.safetensors")
    with pytest.raises(UserError, match=rf"{stem}\.safetensors: .*not that of the manifest"):
        run(tone_dataset, tmp_path / "r", resume="true", steps="8")
    hash_again(checkpoint)
    with pytest.raises(UserError, match=message):
        run(tone_dataset, tmp_path / "r", resume="true", steps="8")


@pytest.mark.parametrize("stream", [None, [], {}, {"epoch": "x"}, {"epoch": 10**30}])
def test_a_place_in_the_data_that_is_none_is_one_line(tone_dataset, tmp_path, whole, stream):
    path = RunFolder(Path(shutil.copytree(whole, tmp_path / "r"))).latest() / "manifest.json"
    stored = json.loads(path.read_text())
    if isinstance(stream, dict) and stream:
        stream = {**stored["progress"]["stream"], **stream}
    path.write_text(json.dumps({**stored, "progress": {"stream": stream}}))
    with pytest.raises(UserError, match=r"where the data stood is damaged|must be in \[0"):
        run(tone_dataset, tmp_path / "r", resume="true", steps="8")
