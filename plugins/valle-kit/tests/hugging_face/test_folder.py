"""A folder is written and read again; one that is damaged, lies or leads elsewhere is refused in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from valle_core.plugin import UserError
from valle_kit.hugging_face.layout import FolderLayout
from valle_kit.hugging_face.portable import portable
from valle_kit.hugging_face.reader import FolderReader
from valle_kit.hugging_face.writer import write_folder

LAYOUT = FolderLayout(
    arch="tiny",
    model="TinyModel",
    keys={"d_model": "hidden_size", "norm_eps": "eps"},
    known={"hidden_act": ("silu", "swish"), "window": (None,)},
)


@dataclass(frozen=True)
class Sizes:
    d_model: int
    norm_eps: float


@dataclass(frozen=True)
class Options:
    d_model: int | None = 4
    norm_eps: float = 1e-5
    weights: str | None = None


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(4, 6)
        self.norm = nn.RMSNorm(4)


def sizes_of(options: Options) -> Sizes:
    return Sizes(options.d_model or 4, options.norm_eps)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_folder(tmp_path / "made", LAYOUT, Tiny().state_dict(), Sizes(4, 1e-3), {"hidden_act": "silu"})
    return tmp_path / "made"


def rewrite(folder: Path, **changes: object) -> FolderReader:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return FolderReader(folder, LAYOUT)


def read_all(reader: FolderReader, options: Options) -> None:
    config = reader.config()
    reader.sizes(config, options)
    reader.rope_theta(config, 10000.0)
    reader.tensors()


def shard(folder: Path, listed: object) -> FolderReader:
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    return FolderReader(folder, LAYOUT)


def test_what_is_written_is_read(folder):
    reader, again, made = FolderReader(folder, LAYOUT), Tiny(), load_file(folder / "model.safetensors")
    assert reader.sizes(reader.config(), Options()) == {"d_model": 4, "norm_eps": 1e-3}
    reader.fill(again, reader.tensors())
    assert made.pop("embed_tokens.weight").shape == (1, 4)
    assert made.keys() == again.state_dict().keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in again.state_dict().items())
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_missing_pickled_and_broken_files_are_refused(folder, tmp_path):
    for place, words in ((tmp_path / "none", "no such folder"), (tmp_path, "no config.json; give a folder written by")):
        with pytest.raises(UserError, match=words):
            FolderReader(place, LAYOUT).config()
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:40])
    for read in (FolderReader.tensors, lambda reader: reader.tensors_of(file.name)):
        with pytest.raises(UserError, match="cannot be read") as caught:
            read(FolderReader(folder, LAYOUT))
        assert str(caught.value).count("cannot start from") == 1
    with pytest.raises(UserError, match=r"none\.safetensors cannot be read \(No such file"):
        FolderReader(folder, LAYOUT).tensors_of("none.safetensors")
    file.rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickled weights are not read"):
        FolderReader(folder, LAYOUT).tensors()


def test_names_of_the_model_around_are_taken_off(folder):
    state = {f"model.{name}": tensor for name, tensor in Tiny().state_dict().items()}
    extra = {"lm_head.weight": torch.zeros(3, 4), "model.layers.0.rotary_emb.inv_freq": torch.zeros(2)}
    save_file({**state, **extra}, folder / "model.safetensors")
    assert FolderReader(folder, LAYOUT).tensors().keys() == Tiny().state_dict().keys()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": ["tiny"]}, "model_type is ['tiny'], not 'tiny'"),
        ({"hidden_size": "4"}, "its hidden_size is '4', not an integer"),
        ({"hidden_size": 4.5}, "its hidden_size is 4.5, not an integer"),
        ({"hidden_size": True}, "its hidden_size is True, not an integer"),
        ({"hidden_size": None}, "lacks 'hidden_size'"),
        ({"hidden_size": 8}, "it has d_model = 8 and the options ask for 6"),
        ({"eps": [1]}, "its eps is [1], not a number"),
        ({"hidden_act": "gelu"}, "its hidden_act is 'gelu', arch 'tiny' knows only 'silu' or 'swish'"),
        ({"window": 3}, "its window is 3, arch 'tiny' knows only None"),
        ({"rope_parameters": [1]}, "rope_parameters are [1], not an object"),
        ({"rope_scaling": {"type": "yarn"}}, "rope_type is 'yarn'"),
        ({"rope_theta": "x"}, "rope_theta is 'x', not a number"),
        ({"rope_parameters": {"rope_theta": {}}}, "rope_theta is {}, not a number"),
    ],
)
def test_a_configuration_of_something_else_is_refused(folder, changes, words):
    asked = Options(d_model=6 if changes == {"hidden_size": 8} else 4)
    with pytest.raises(UserError) as refusal:
        read_all(rewrite(folder, **changes), asked)
    message = str(refusal.value)
    assert words in message
    assert message.startswith(f"arch 'tiny' cannot start from '{folder}': ")
    assert "\n" not in message


def test_a_whole_number_with_a_point_is_an_integer(folder):
    reader = rewrite(folder, hidden_size=4.0)
    assert reader.sizes(reader.config(), Options())["d_model"] == 4


def test_an_option_that_is_free_may_differ(folder):
    reader = FolderReader(folder, LAYOUT)
    assert reader.sizes(reader.config(), Options(norm_eps=0.5), free=("norm_eps",))["norm_eps"] == 1e-3


@pytest.mark.parametrize(
    "listed",
    [
        {"x": "../a.safetensors"},
        {"x": "/a.safetensors"},
        {"x": "sub/a.safetensors"},
        {"x": "a.bin"},
        {"x": 5},
        {"x": ["a.safetensors"]},
        {"x": "missing.safetensors"},
        {"x": "a\0.safetensors"},
        ["a.safetensors"],
        None,
    ],
)
def test_an_index_that_lists_something_else_is_refused(folder, listed):
    with pytest.raises(UserError, match="cannot start from"):
        shard(folder, listed).tensors()


def test_shards_that_an_index_lists_are_read(folder):
    assert shard(folder, {"up.weight": "a.safetensors"}).tensors().keys() == Tiny().state_dict().keys()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_link_out_of_the_folder_is_refused(folder, name):
    (folder / name).rename(folder.parent / "elsewhere")
    (folder / name).symlink_to(folder.parent / "elsewhere")
    with pytest.raises(UserError, match="is a link out of its folder"):
        read_all(FolderReader(folder, LAYOUT), Options())


def test_the_hubs_cache_keeps_its_files_behind_links_and_is_read(folder):
    snapshot = folder.parent / "snapshots" / "revision"
    (folder.parent / "blobs").mkdir()
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(folder.parent / "blobs" / f"hash-{name}")
        (snapshot / name).symlink_to(f"../../blobs/hash-{name}")
    reader = FolderReader(snapshot, LAYOUT)
    assert reader.config()["hidden_size"] == 4
    assert reader.tensors().keys() == Tiny().state_dict().keys()


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("norm.weight", None, "'norm.weight' is missing"),
        ("other", torch.zeros(1), "'other' is not one of tiny"),
        ("up.weight", torch.zeros(6, 5), r"up.weight is \[6, 5\], config.json says \[6, 4\]"),
        ("up.weight", torch.zeros(6, 4, dtype=torch.int8), "up.weight holds int8"),
    ],
)
def test_tensors_that_do_not_fit_change_nothing(folder, name, tensor, words):
    reader, model = FolderReader(folder, LAYOUT), Tiny()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = {key: value for key, value in {**reader.tensors(), name: tensor}.items() if value is not None}
    with pytest.raises(UserError, match=words):
        reader.fill(model, found)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_options_travel_without_the_folder_where_they_say_all():
    assert portable(Options(weights="x"), Sizes(8, 0.1), sizes_of) == Options(8, 0.1)
    assert portable(Options(weights="x"), Sizes(8, 0.1), lambda options: Sizes(9, 0.1)) is None
