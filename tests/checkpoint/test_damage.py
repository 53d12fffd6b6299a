"""A checkpoint that is not what was saved, or leads out of its folder, is refused in one line."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from valle_core.checkpoint.folder import find_checkpoint, read_manifest, read_tensors, saved_file
from valle_core.checkpoint.load import load_model
from valle_core.checkpoint.manifest import Manifest
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_testing.damaged_files import hash_again

GOLDEN = Path(__file__).parents[1] / "golden" / "run"


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    """The committed one, with the hashes that are kept today."""
    folder = find_checkpoint(Path(shutil.copytree(GOLDEN, tmp_path / "run")))
    hash_again(folder)
    return folder


def load(checkpoint: Path):
    return load_model(checkpoint, Registry.open(), device=torch.device("cpu"))


def change(path: Path, **facts) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def test_one_from_before_hashes_were_kept_loads(tmp_path):
    assert json.loads((find_checkpoint(GOLDEN) / "manifest.json").read_text())["format_version"] == 1
    load(find_checkpoint(GOLDEN))


def test_one_with_hashes_loads(checkpoint):
    load(checkpoint)


@pytest.mark.parametrize("name", ["model.yaml", "model.safetensors"])
def test_a_file_that_is_not_what_was_saved_is_named(checkpoint, name):
    path = checkpoint / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: .*its SHA-256 is not that of the manifest.*another checkpoint"):
        load(checkpoint)


@pytest.mark.parametrize("name", ["model.yaml", "model.safetensors"])
def test_a_file_that_the_manifest_does_not_list_is_not_used(checkpoint, name):
    files = json.loads((checkpoint / "manifest.json").read_text())["files"]
    change(checkpoint / "manifest.json", files={one: hash for one, hash in files.items() if one != name})
    with pytest.raises(UserError, match="not that of the manifest"):
        load(checkpoint)


def test_the_step_is_that_of_the_folder_where_the_folder_names_one(checkpoint):
    other = checkpoint.rename(checkpoint.with_name("step-00000009"))
    with pytest.raises(UserError, match=r"manifest\.json: is of step 2, unlike its folder"):
        read_manifest(other)
    load(other.rename(other.with_name("best")))


@pytest.mark.parametrize("name", ["manifest.json", "model.yaml", "model.safetensors"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nothing"])
def test_what_is_no_file_of_the_folder_is_not_read(checkpoint, name, kind, tmp_path):
    path = checkpoint / name
    outside = path.rename(tmp_path / "outside")
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(UserError) as raised:
        load(checkpoint)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change_tensors", "message"),
    [
        (lambda t: t.pop(min(t)), "is missing"),
        (lambda t: t.update(more=torch.zeros(1)), "'more' is unknown here"),
        (lambda t: t.update({min(t): torch.zeros(1)}), r"must be \[.*\], got \[1\]"),
        (lambda t: t.update({min(t): t[min(t)].double()}), "must be float32, got float64"),
    ],
)
def test_tensors_are_compared_with_the_model_before_they_are_loaded(checkpoint, change_tensors, message):
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    change_tensors(tensors)
    save_file(tensors, path)
    hash_again(checkpoint)
    with pytest.raises(UserError, match=message):
        load(checkpoint)


WRONG = {
    "step": [-1, "5", None, 1.5, True, 10**30],
    "codec": [None, [], {"name": "x"}],
    "frontend": [None, 3, []],
    "symbols": [None, "abc", [1], {"a": 1}],
    "languages": ["en", [None]],
    "plugins": [None, [1], [{}], [{"kind": 1, "name": 2, "distribution": 3, "version": 4, "api": 5}]],
    "progress": [[], 3],
    "files": [[], "x"],
    "format_version": [3, "1", None, [], {}, True],
    "unheard_of": [1],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_types_in_a_manifest_are_named(checkpoint, name, value):
    change(checkpoint / "manifest.json", **{name: value})
    with pytest.raises(UserError, match=r"manifest\.json") as raised:
        read_manifest(checkpoint)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": 1, "a": 2}', '{"format_version": NaN}', '"\\ud800"', "\x00", "1" * 5000]
)
def test_json_that_is_made_to_harm_is_one_line(text):
    with pytest.raises(UserError, match=r"^x: not a checkpoint manifest \(.*another checkpoint$"):
        Manifest.from_json(text, "x")


def test_random_states_and_optimizers_are_hashed_like_the_rest(checkpoint):
    save_file({"cpu": torch.zeros(3)}, checkpoint / "random.safetensors")
    with pytest.raises(UserError, match=r"random\.safetensors: .*not that of the manifest"):
        read_tensors(checkpoint, "random")
    hash_again(checkpoint)
    assert read_tensors(checkpoint, "random")["cpu"].shape == (3,)
    assert saved_file(checkpoint, "random.safetensors").is_file()
