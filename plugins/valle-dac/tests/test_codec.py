from __future__ import annotations

import dataclasses
import functools
import math

import pytest
import torch
from safetensors.torch import save_file
from transformers import DacConfig, DacModel
from valle_dac import keys, weights
from valle_dac.codec import DacCodec, build, with_weights
from valle_dac.options import DacOptions

from valle_core.plugin import UserError
from valle_kit.codes.stack import Stack
from valle_kit.loudness import at_loudness
from valle_testing.suites.codec.long_sound import takes_half_an_hour

CPU = torch.device("cpu")
SIZES = {"encoder_hidden_size": 4, "decoder_hidden_size": 32, "codebook_size": 64}


@functools.cache
def made(variant: str) -> tuple[DacConfig, dict[str, torch.Tensor]]:
    config = DacConfig(**{**weights.VARIANTS[variant], **SIZES, "n_codebooks": 3})
    return config, weights.random(config, seed=1)


def small(variant: str = "16khz", **options: float | str) -> DacCodec:
    return with_weights(*made(variant), DacOptions(**options), CPU)


def original_file(variant: str, path) -> None:
    """A checkpoint as the original package saves it: its names, weight norm, and the model's arguments."""
    config, tensors = made(variant)
    split = {}
    for name, tensor in keys.original(tensors, len(config.downsampling_ratios)).items():
        if name.endswith(".weight") and ".codebook." not in name:
            split[f"{name}_g"] = tensor.flatten(1).norm(dim=1).reshape(-1, 1, 1)
            split[f"{name}_v"] = 2 * tensor
        else:
            split[name] = tensor
    sizes = {"encoder_dim": 4, "encoder_rates": list(config.downsampling_ratios), "latent_dim": None,
             "decoder_dim": 32, "decoder_rates": list(config.upsampling_ratios), "n_codebooks": 3, "codebook_size": 64,
             "codebook_dim": 8, "quantizer_dropout": False, "sample_rate": config.sampling_rate}  # fmt: skip
    torch.save({"state_dict": split, "metadata": {"kwargs": sizes}}, path)


@pytest.mark.parametrize("variant", weights.VARIANTS)
def test_a_checkpoint_of_the_original_gives_the_same_codec(variant, tmp_path):
    original_file(variant, tmp_path / "weights.pth")
    config, read = weights.load(str(tmp_path / "weights.pth"), variant)
    _, tensors = made(variant)
    assert config.hop_length == math.prod(config.downsampling_ratios)
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(read[name], tensor, rtol=1e-5, atol=1e-6)


def test_the_originals_names_stand_for_ours():
    pairs = {
        "encoder.block.0": "encoder.conv1",
        "encoder.block.1.block.0.block.0": "encoder.block.0.res_unit1.snake1",
        "encoder.block.1.block.2.block.1": "encoder.block.0.res_unit3.conv1",
        "encoder.block.4.block.1.block.2": "encoder.block.3.res_unit2.snake2",
        "encoder.block.4.block.1.block.3": "encoder.block.3.res_unit2.conv2",
        "encoder.block.2.block.3": "encoder.block.1.snake1",
        "encoder.block.2.block.4": "encoder.block.1.conv1",
        "encoder.block.5": "encoder.snake1",
        "encoder.block.6": "encoder.conv2",
        "decoder.model.0": "decoder.conv1",
        "decoder.model.1.block.0": "decoder.block.0.snake1",
        "decoder.model.1.block.1": "decoder.block.0.conv_t1",
        "decoder.model.4.block.2.block.2": "decoder.block.3.res_unit1.snake2",
        "decoder.model.4.block.4.block.3": "decoder.block.3.res_unit3.conv2",
        "decoder.model.5": "decoder.snake1",
        "decoder.model.6": "decoder.conv2",
    }
    names = keys.prefixes(4)
    assert {theirs: names[theirs] for theirs in pairs} == pairs
    assert "quantizer.quantizers.2.out_proj.weight" in keys.original(made("16khz")[1], 4)


def test_a_folder_of_hugging_face_gives_the_codes_and_the_sound_of_its_own_model(tmp_path):
    config, tensors = made("16khz")
    model = DacModel(config).eval()
    model.load_state_dict(tensors)
    model.save_pretrained(tmp_path)
    codec = build(DacOptions(variant="16khz", weights=str(tmp_path)), device=CPU)
    assert codec.identity == small().identity
    wav = 0.3 * torch.randn(1, 7 * 320)
    codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]]))
    with torch.no_grad():
        theirs = model.encode(wav[None]).audio_codes
        sound = model.decode(audio_codes=theirs).audio_values
    assert torch.equal(codes, theirs.transpose(1, 2))
    back, lengths = codec.decode(codes, frames)
    assert lengths.tolist() == [7 * 320]
    assert sound.shape[1] == 7 * 320 - 8  # what the odd stride loses
    torch.testing.assert_close(back[:, :-8], sound, rtol=0, atol=1e-5)
    assert not back[:, -8:].any()


def test_other_weights_and_variants_are_refused(tmp_path):
    original_file("16khz", tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"are for 16000 Hz, variant 44khz is 44100 Hz"):
        weights.load(str(tmp_path / "weights.pth"), "44khz")
    torch.save({"weight": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"is not a DAC checkpoint \(state_dict and metadata\)\. Give weights_\*\.pth"):
        weights.load(str(tmp_path / "other.pth"), "44khz")
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "encodec"}')
    with pytest.raises(UserError, match="'encodec', not 'dac'"):
        weights.load(str(tmp_path), "16khz")


def test_without_weights_nothing_is_made_up():
    def offline(repository, file, cached):
        raise OSError("offline")

    with pytest.raises(UserError, match=r"descript/dac_24khz into a folder and give --codec\.weights FOLDER"):
        weights.load("", "24khz", offline)


def test_random_weights_follow_the_seed_and_leave_the_callers_randomness_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    config, _ = made("16khz")
    hashes = [
        with_weights(config, weights.random(config, seed), DacOptions(), CPU).identity.weights_hash
        for seed in (1, 1, 2)
    ]
    assert torch.equal(torch.rand(1), wanted)
    assert hashes[0] == hashes[1] != hashes[2]


def test_fewer_levels_are_the_first_of_all():
    wav, lengths = 0.3 * torch.randn(1, 3000), torch.tensor([3000])
    two, three = small(levels=2), small()
    assert (two.num_levels, two.identity.num_levels, three.num_levels) == (2, 2, 3)
    codes, frames = three.encode(wav, lengths)
    assert torch.equal(two.encode(wav, lengths)[0], codes[..., :2])
    torch.testing.assert_close(two.decode(codes[..., :2], frames)[0], three.decode(codes[..., :2], frames)[0])


@pytest.mark.parametrize("variant", ["16khz", "44khz"])
def test_pieces_of_bounded_size_give_the_codes_and_the_sound_of_the_whole(variant):
    codec = small(variant)
    wav = 0.3 * torch.randn(1, 90 * codec.hop + 5)
    lengths = torch.tensor([wav.shape[1]])
    codes, frames = codec.encode(wav, lengths)
    sound, _ = codec.decode(codes, frames)
    codec.chunk, seen, engine = 7, [], codec.engine
    codec.engine = dataclasses.replace(
        engine,
        quantise=lambda x, levels: seen.append(x.shape[-1]) or engine.quantise(x, levels),
        latents=lambda codes: seen.append(codes.shape[1]) or engine.latents(codes),
    )
    assert torch.equal(codec.encode(wav, lengths)[0], codes)
    assert len(seen) > 10
    assert max(seen) <= 2 * 7 + 8
    seen.clear()
    torch.testing.assert_close(codec.decode(codes, frames)[0], sound, rtol=0, atol=1e-5)
    assert len(seen) == 13
    assert max(seen) < 2 * 7


@pytest.mark.parametrize("variant", ["16khz", "44khz"])
def test_how_far_codes_and_sound_look(variant):
    """8 frames of sound to either side decide a frame of codes, as many of codes as the lookahead one of sound."""
    codec, F = small(variant), 60
    wav = 0.3 * torch.randn(1, 1, F * codec.hop)
    bent = wav.clone()
    bent[..., 30 * codec.hop : 31 * codec.hop] += 0.3
    with torch.no_grad():
        one, other = (Stack(codec.engine.encoder).push(x, end=True)[0] for x in (wav, bent))
    changed = (one != other).any(0).nonzero()[:, 0].tolist()
    assert (changed[0], changed[-1]) == (30 - 8, 30 + 8)
    codes = torch.randint(0, 64, (1, F, 3))
    turned = codes.clone()
    turned[:, 30] = (turned[:, 30] + 32) % 64
    one, other = (codec.decode(x, torch.tensor([F]))[0][0].view(F, codec.hop) for x in (codes, turned))
    changed = (one != other).any(1).nonzero()[:, 0].tolist()
    assert (changed[0], changed[-1]) == (30 - codec.lookahead_frames, 30 + codec.lookahead_frames)
    assert codec.lookahead_frames == 10


def test_a_row_is_encoded_at_the_loudness_that_was_asked_for():
    wav = 0.01 * torch.randn(3 * 16000)
    louder = torch.from_numpy(at_loudness(wav.numpy(), 16000, target=-20.0))
    lengths = torch.tensor([len(wav)])
    ours, wanted = small(loudness=-20.0).encode(wav[None], lengths)[0], small().encode(louder[None], lengths)[0]
    assert torch.equal(ours, wanted)
    assert not torch.equal(small().encode(wav[None], lengths)[0], wanted)


def test_wrong_options_are_refused():
    with pytest.raises(UserError, match=r"levels must be at least 0 \(0: all\), got -1"):
        DacOptions(levels=-1)
    with pytest.raises(UserError, match="loudness"):
        DacOptions(loudness=3.0)


def test_a_missing_original_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dac", None)
    with pytest.raises(UserError, match=r"pip install descript-audio-codec"):
        small(engine="original")


@pytest.mark.slow
def test_half_an_hour_passes_in_bounded_memory():
    takes_half_an_hour(small())
