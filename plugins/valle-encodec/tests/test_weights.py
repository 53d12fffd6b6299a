from __future__ import annotations

import pytest
import torch
from transformers import EncodecConfig, EncodecModel
from valle_encodec.codec import build, with_weights
from valle_encodec.options import EncodecOptions

from valle_core.plugin import UserError
from valle_kit.codes.encodec import names, weights

CPU = torch.device("cpu")


def normed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights under weight norm, as checkpoints have them."""
    split = {}
    for name, tensor in tensors.items():
        if name.endswith(".weight"):
            size = tensor.flatten(1).norm(dim=1).reshape(-1, *[1] * (tensor.ndim - 1))
            split |= {f"{name}_g": size, f"{name}_v": 3 * tensor}
        else:
            split[name] = tensor
    return split


def test_the_originals_names_and_ours_are_the_same_weights(tensors):
    theirs = names.original(tensors)
    assert "encoder.model.1.block.1.conv.conv.weight" in theirs
    assert "encoder.model.1.shortcut.conv.conv.bias" in theirs
    assert "encoder.model.13.lstm.weight_ih_l0" in theirs
    assert "decoder.model.0.conv.conv.weight" in theirs
    assert [name for name in theirs if "convtr.convtr.weight" in name] == [
        f"decoder.model.{layer}.convtr.convtr.weight" for layer in (3, 6, 9, 12)
    ]
    assert "quantizer.vq.layers.0._codebook.embed" in theirs
    training = {f"quantizer.vq.layers.0._codebook.{name}": torch.ones(1) for name in ("inited", "embed_avg")}
    back = names.ours({**normed(theirs), **training})
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(back[name], tensor, rtol=1e-5, atol=1e-6)


def test_a_folder_of_hugging_face_gives_the_codes_and_the_sound_of_its_own_model(config, tensors, tmp_path):
    model = EncodecModel(config).eval()
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "parametrizations"):
                module.weight = tensors[f"{name}.weight"]
    model.load_state_dict({name: t for name, t in tensors.items() if name in model.state_dict()}, strict=False)
    model.save_pretrained(tmp_path)
    loaded, read = weights.load(str(tmp_path))
    codec = with_weights(loaded, read, EncodecOptions(bandwidth=1.5), CPU)
    wav = 0.3 * torch.randn(1, 5000)
    codes, frames = codec.encode(wav, torch.tensor([5000]))
    with torch.no_grad():
        latents = model.encoder(wav[None])
        theirs = model.quantizer.encode(latents, 1.5)
        sound = model.decoder(model.quantizer.decode(theirs))[0]
    assert torch.equal(codes, theirs.permute(1, 2, 0))
    torch.testing.assert_close(codec.decode(codes, frames)[0], sound.clamp(-1, 1), rtol=0, atol=1e-5)


def test_a_checkpoint_of_the_original_at_full_size_is_read_from_its_file(tmp_path):
    tensors = weights.random(EncodecConfig(), seed=2)
    torch.save(names.original(tensors), tmp_path / "encodec_24khz.th")
    config, read = weights.load(str(tmp_path / "encodec_24khz.th"))
    assert config.num_quantizers == 32
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_other_models_are_refused(config, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    config.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    with pytest.raises(UserError, match="cannot be read"):
        weights.load(str(tmp_path))
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    plain = path.read_text()
    path.write_text(plain.replace('"model_type": "encodec"', '"model_type": "dac"'))
    with pytest.raises(UserError, match="'dac', not 'encodec'"):
        weights.load(str(tmp_path))
    path.write_text(plain.replace('"normalize": false', '"normalize": true'))
    with pytest.raises(UserError, match="loudness-normalised"):
        weights.load(str(tmp_path))
    with pytest.raises(UserError, match=r"lack 'decoder\.layers"):
        with_weights(config, {}, EncodecOptions(), CPU)


def test_without_weights_nothing_is_made_up():
    def offline(repository, file, cached):
        raise OSError("offline")

    with pytest.raises(UserError, match=r"facebook/encodec_24khz into a folder and give --codec\.weights FOLDER"):
        weights.load("", fetch=offline)


def test_random_weights_follow_the_seed_and_leave_the_callers_randomness_alone(config):
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    hashes = [
        with_weights(config, weights.random(config, seed), EncodecOptions(), CPU).identity.weights_hash
        for seed in (1, 1, 2)
    ]
    assert torch.equal(torch.rand(1), wanted)
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_bandwidth_it_does_not_have_is_refused():
    with pytest.raises(UserError, match=r"bandwidth must be 1\.5, 3, 6, 12 or 24 kbit"):
        EncodecOptions(bandwidth=8.0)


@pytest.mark.parametrize(("bandwidth", "levels"), [(1.5, 2), (24.0, 32)])
def test_a_bandwidth_is_a_number_of_levels(bandwidth, levels):
    codec = build(EncodecOptions(weights="random", bandwidth=bandwidth), device=CPU)
    assert (codec.num_levels, codec.codebook_size, codec.frame_rate) == (levels, 1024, 75)
    assert codec.identity.num_levels == levels
    assert codec.lookahead_frames == 6


def test_a_missing_original_package_is_named(config, tensors, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "encodec", None)
    with pytest.raises(UserError, match=r"pip install encodec"):
        with_weights(config, tensors, EncodecOptions(engine="original"), CPU)
