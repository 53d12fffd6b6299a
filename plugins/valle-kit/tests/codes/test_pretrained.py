from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from valle_core.plugin import UserError
from valle_kit.codes.pretrained import (
    Published,
    find_published,
    fold_weight_norm,
    load_strictly,
    read_folder,
    read_tensors,
)

PUBLISHED = Published(codec="sing", repository="acme/sing", files=("model.safetensors", "config.json"))


def test_the_cache_is_asked_before_the_network():
    asked = []

    def fetch(repository, file, cached):
        asked.append((file, cached))
        if cached:
            raise OSError("not in the cache")
        return f"/cache/{repository}/{file}"

    assert str(find_published(PUBLISHED, fetch)) == "/cache/acme/sing"
    assert asked == [("model.safetensors", True), ("model.safetensors", False), ("config.json", False)]


def test_offline_one_line_says_what_to_fetch_and_where_to_put_it():
    def fetch(repository, file, cached):
        raise ConnectionError("no route to host\nand much more")

    with pytest.raises(UserError) as caught:
        find_published(PUBLISHED, fetch)
    assert str(caught.value) == (
        "codec 'sing' has no weights here and cannot fetch them (no route to host). Fetch model.safetensors and "
        "config.json of https://huggingface.co/acme/sing into a folder and give --codec.weights FOLDER"
    )


def test_missing_damaged_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="no weights"):
        read_tensors(tmp_path / "none.th")
    for name in ("cut.safetensors", "cut.th"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 nonsense")
        with pytest.raises(UserError, match="cannot be read"):
            read_tensors(tmp_path / name)
    torch.save([torch.zeros(1)], tmp_path / "list.th")
    with pytest.raises(UserError, match="hold a list"):
        read_tensors(tmp_path / "list.th")


def test_objects_that_are_not_tensors_are_refused_without_a_way_around(tmp_path):
    torch.save({"model": nn.Linear(1, 1)}, tmp_path / "pickled.th")
    with pytest.raises(UserError) as caught:
        read_tensors(tmp_path / "pickled.th")
    assert str(caught.value) == (
        f"weights '{tmp_path / 'pickled.th'}' cannot be read (damaged, or with objects in it that are not tensors and "
        "may run code). Fetch the file again, or give tensors only"
    )


def test_a_folder_needs_weights_and_a_configuration(tmp_path):
    with pytest.raises(UserError, match="holds no weights"):
        read_folder(tmp_path, ("model.safetensors",))
    save_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"config\.json' is missing"):
        read_folder(tmp_path, ("model.safetensors",))
    (tmp_path / "config.json").write_text(json.dumps({"size": 2}))
    tensors, config = read_folder(tmp_path, ("pytorch_model.bin", "model.safetensors"))
    assert tensors["a"].tolist() == [1, 1]
    assert config == {"size": 2}


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.ConvTranspose1d])
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_folded_weight_norm_gives_the_weight_it_stands_for(kind, norm):
    normed = nn.Sequential(norm(kind(3, 5, 4)))
    for parameter in normed.parameters():
        nn.init.normal_(parameter)
    folded = fold_weight_norm(normed.state_dict())
    plain = nn.Sequential(kind(3, 5, 4))
    plain.load_state_dict(folded)
    torch.testing.assert_close(plain(torch.ones(1, 3, 9)), normed(torch.ones(1, 3, 9)))
    torn = {name: tensor for name, tensor in normed.state_dict().items() if not name.endswith(("_v", "original1"))}
    with pytest.raises(UserError, match="without"):
        fold_weight_norm(torn)


def test_names_and_sizes_that_do_not_fit_are_refused_by_name():
    module = nn.Linear(2, 3)
    fit = {"weight": torch.zeros(3, 2), "bias": torch.zeros(3)}
    load_strictly(module, fit, "file")
    with pytest.raises(UserError, match="'file' lack 'bias'"):
        load_strictly(module, {"weight": fit["weight"]}, "file")
    load_strictly(module, {"weight": fit["weight"]}, "file", lambda name: name == "bias")
    with pytest.raises(UserError, match="unknown 'extra'"):
        load_strictly(module, {**fit, "extra": torch.zeros(1)}, "file")
    with pytest.raises(UserError, match="another size of 'bias'"):
        load_strictly(module, {**fit, "bias": torch.zeros(4)}, "file")
