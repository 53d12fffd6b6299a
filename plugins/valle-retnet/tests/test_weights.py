"""Weights: out to a folder and back, from torchscale's names, and what is refused."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from valle_retnet.factory import build, build_hf
from valle_retnet.options import RetNetOptions
from valle_retnet.weights import save_folder, torchscale_state

from valle_core.plugin import UserError

SIZES = {"d_model": 24, "n_layers": 2, "n_heads": 3, "value_dim": 36, "ffn_dim": 32, "activation": "swish"}


def same(one, two):
    one, two = one.state_dict(), two.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("n_experts", [0, 3])
def test_a_folder_gives_the_backbone_back_with_its_sizes(tmp_path, n_experts):
    model = build(RetNetOptions(**SIZES, n_experts=n_experts))
    save_folder(model, model.sizes, tmp_path / "w")
    for again in (build, lambda options: build_hf(options).model.decoder):
        back = again(RetNetOptions(weights=str(tmp_path / "w")))
        assert back.sizes == model.sizes
        assert same(back, model)
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["config.json", "model.safetensors"]


def test_a_file_of_torchscale_gives_all_but_what_no_tensor_shows(tmp_path):
    model = build(RetNetOptions(**SIZES, decays=()))
    with torch.no_grad():
        model.layers[0].retention.merge.fill_(3.0)
    state = {f"decoder.{name}": tensor for name, tensor in torchscale_state(model, model.sizes).items()}
    state |= {"decoder.embed_tokens.weight": torch.zeros(5, 24), "decoder.output_projection.weight": torch.ones(5, 24)}
    save_file(state, tmp_path / "retnet.safetensors")
    back = build(RetNetOptions(weights=str(tmp_path / "retnet.safetensors"), activation="swish"))
    assert back.sizes == model.sizes
    assert torch.equal(back.layers[1].ffn.gate.weight, model.layers[1].ffn.gate.weight)
    assert torch.equal(back.layers[0].retention.merge, torch.full((2, 36), 2**-0.5))


def test_decays_are_those_the_weights_were_made_with(tmp_path):
    def back(state, **options):
        save_file(state, tmp_path / "retnet.safetensors")
        return build(RetNetOptions(weights=str(tmp_path / "retnet.safetensors"), **options)).sizes.decays

    for decays in ((), (5.0, 12.0), (3.0, 9.0)):
        model = build(RetNetOptions(**SIZES, decays=decays))
        state = torchscale_state(model, model.sizes)
        assert back(state, decays=decays) == decays
    with pytest.raises(UserError, match="give the decays it was made with"):
        back(state)
    del state["retnet_rel_pos.decay"]
    assert back(state, n_heads=3) == ()


def test_a_folder_from_before_there_were_decays_has_the_papers(tmp_path):
    model = build(RetNetOptions(**SIZES, decays=()))
    save_folder(model, model.sizes, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["decays"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert build(RetNetOptions(weights=str(tmp_path))).sizes == model.sizes
    assert build_hf(RetNetOptions(weights=str(tmp_path))).model.decoder.sizes == model.sizes


def test_shards_are_read(tmp_path):
    model = build(RetNetOptions(**SIZES))
    save_folder(model, model.sizes, tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    names = sorted(state)
    for part, some in (("a", names[:9]), ("b", names[9:])):
        save_file({name: state[name] for name in some}, tmp_path / f"{part}.safetensors")
    (tmp_path / "model.safetensors").unlink()
    index = {name: "a.safetensors" if name in names[:9] else "b.safetensors" for name in names}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert same(build(RetNetOptions(weights=str(tmp_path))), model)
    index[names[0]] = "../a.safetensors"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    with pytest.raises(UserError, match="not a safetensors file of the folder"):
        build(RetNetOptions(weights=str(tmp_path)))


def test_what_cannot_be_read_is_refused_by_name(tmp_path):
    model = build(RetNetOptions(**SIZES))
    save_folder(model, model.sizes, tmp_path)
    state, config = load_file(tmp_path / "model.safetensors"), json.loads((tmp_path / "config.json").read_text())

    def refused(words, **options):
        with pytest.raises(UserError, match=words):
            build(RetNetOptions(weights=str(tmp_path), **options))

    refused("n_layers = 2 and the options ask for 3", n_layers=3)
    save_file({**state, "decoder.odd": torch.zeros(1)}, tmp_path / "model.safetensors")
    refused("'odd' is not one of retnet")
    save_file({n: t for n, t in state.items() if "fc1" not in n}, tmp_path / "model.safetensors")
    refused("fc1.weight' is missing")
    save_file(state | {"decoder.layer_norm.weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    refused(r"layer_norm.weight is \[3\], expected \[24\]")
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    refused("cannot be read")
    (tmp_path / "model.safetensors").unlink()
    refused("pickled weights are not read")
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "llama"}))
    refused("model_type is 'llama'")
    (tmp_path / "config.json").write_text("{")
    refused("config.json cannot be read")
    with pytest.raises(UserError, match="no such folder or file"):
        build(RetNetOptions(weights=str(tmp_path / "none")))
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="not those of a RetNet"):
        build(RetNetOptions(weights=str(tmp_path / "other.safetensors")))


def test_weights_without_a_second_direction_serve_with_one(tmp_path):
    model = build(RetNetOptions(**SIZES, full_rows="causal"))
    save_folder(model, model.sizes, tmp_path)
    both = build(RetNetOptions(weights=str(tmp_path)))
    assert both.layers[0].retention.merge is not None
    assert torch.equal(both.layer_norm.weight, model.layer_norm.weight)
    save_folder(both, both.sizes, tmp_path)
    assert same(build(RetNetOptions(weights=str(tmp_path), full_rows="causal")), model)
