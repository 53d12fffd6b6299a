"""Checkpoints appear whole or not at all."""

from __future__ import annotations

import dataclasses
import errno

import pytest
import torch

from valle_core.checkpoint import folder
from valle_core.checkpoint.folder import RunFolder, find_checkpoint, read_manifest, read_tensors, save_checkpoint
from valle_core.checkpoint.manifest import Manifest
from valle_core.plugin import UserError
from valle_core.registry.identity import PluginIdentity
from valle_core.types import CodecIdentity


def make_manifest(step: int) -> Manifest:
    return Manifest(
        step=step,
        codec=CodecIdentity(
            name="fake", sample_rate=16000, hop=320, num_levels=4, codebook_size=32, weights_hash="0" * 16
        ),
        frontend="fake",
        symbols=("<pad>", "ə"),
        languages=("en-us",),
        tasks=("tts",),
        plugins=(PluginIdentity(kind="arch", name="llama", distribution="valle-llama", version="0.1.0", api=1),),
        progress={"stream": {"epoch": 1}},
    )


def save(run: RunFolder, step: int, keep: int = 0):
    return save_checkpoint(
        run, make_manifest(step), "arch: llama\n", {"model": {"w": torch.full((3,), float(step))}}, keep=keep
    )


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    run = RunFolder(tmp_path)
    path = save(run, 7)
    assert read_manifest(path) == make_manifest(7)
    assert read_tensors(path, "model")["w"].tolist() == [7, 7, 7]
    assert find_checkpoint(tmp_path) == path
    assert find_checkpoint(path) == path


def test_only_the_newest_are_kept_and_the_newest_is_the_latest(tmp_path):
    run = RunFolder(tmp_path)
    for step in (1, 2, 30, 4):
        save(run, step, keep=2)
    assert run.steps() == [4, 30]
    assert run.latest() == run.checkpoint(30)


def test_saving_the_same_step_again_replaces_it(tmp_path):
    run = RunFolder(tmp_path)
    save(run, 1)
    save_checkpoint(run, make_manifest(1), "", {"model": {"w": torch.zeros(1)}}, keep=0)
    assert read_tensors(run.latest(), "model")["w"].tolist() == [0]
    assert [entry.name for entry in run.checkpoints.iterdir()] == ["step-00000001"]


def test_a_full_disk_leaves_the_older_checkpoint_and_no_half_of_the_new(tmp_path, monkeypatch):
    run = RunFolder(tmp_path)
    save(run, 1)

    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder, "save_file", full)
    with pytest.raises(UserError, match="no space left on device"):
        save(run, 2)
    assert [entry.name for entry in run.checkpoints.iterdir()] == ["step-00000001"]


def test_leftovers_of_a_killed_writer_are_ignored_and_swept(tmp_path):
    run = RunFolder(tmp_path)
    save(run, 1)
    (run.checkpoints / ".writing-00000002-99").mkdir()
    (run.checkpoints / ".writing-00000002-99" / "model.safetensors").write_bytes(b"half")
    assert run.steps() == [1]
    save(run, 3)
    assert sorted(entry.name for entry in run.checkpoints.iterdir()) == ["step-00000001", "step-00000003"]


def test_a_replacement_killed_between_its_two_renames_is_undone(tmp_path):
    run = RunFolder(tmp_path)
    save(run, 1)
    run.checkpoint(1).rename(run.checkpoints / ".old-00000001-99")
    save(run, 2)
    assert run.steps() == [1, 2]


def test_truncated_tensors_are_named(tmp_path):
    path = save(RunFolder(tmp_path), 1)
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"model\.safetensors: cannot be read, the file is damaged or truncated"):
        read_tensors(path, "model")


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match="not a run"):
        find_checkpoint(tmp_path)
    with pytest.raises(UserError, match="no such run"):
        find_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1}', '{"format_version": 1, "step": '])
def test_a_damaged_manifest_is_named(tmp_path, text):
    path = save(RunFolder(tmp_path), 1)
    (path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json"):
        read_manifest(path)


def test_another_format_version_is_refused_with_both_numbers():
    newer = dataclasses.replace(make_manifest(1), format_version=99)
    with pytest.raises(UserError, match="format 99, this valle reads 1"):
        Manifest.from_json(newer.to_json(), "x")
