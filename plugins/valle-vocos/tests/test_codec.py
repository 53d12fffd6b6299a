from __future__ import annotations

import functools

import pytest
import torch
from torch import nn
from transformers import EncodecConfig, EncodecModel
from valle_vocos import encoder, weights
from valle_vocos.codec import VocosCodec, build, with_weights
from valle_vocos.network import LEAST, Sizes, VocosNetwork
from valle_vocos.options import VocosOptions

from valle_core.plugin import UserError
from valle_kit.codes.convolutions import Convolution
from valle_kit.codes.packed import Packed
from valle_kit.codes.stack import Overlap, Stack, StepsFirst
from valle_testing.suites.codec.long_sound import takes_half_an_hour

CPU = torch.device("cpu")
HALF = EncodecConfig(num_filters=4, hidden_size=16, codebook_size=64, target_bandwidths=[0.9, 1.8], num_lstm_layers=1)


@functools.cache
def made() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    halves = encoder.random(HALF, seed=1)
    return halves, weights.random(Sizes(latent=16, width=16, inner=32, blocks=2), encoder.codebooks(halves), seed=1)


def small(bandwidth_id: int = 2) -> VocosCodec:
    return with_weights(HALF, *made(), levels=(1, 2, 4), bandwidth_id=bandwidth_id, device=CPU)


def test_a_number_of_levels_chooses_the_bandwidth_id():
    codec = small()
    assert [codec.bandwidth_id(levels) for levels in (1, 2, 3, 4)] == [0, 1, 2, 2]
    codes = torch.randint(0, 64, (1, 9, 2))
    latents = codec.codebooks[0][codes[..., 0]] + codec.codebooks[1][codes[..., 1]]
    with torch.no_grad():
        sounds = [codec.network(latents.transpose(1, 2), index).clamp(-1, 1) for index in range(3)]
    back, _ = codec.decode(codes, torch.tensor([9]))
    assert torch.allclose(back, sounds[1], atol=1e-5)
    assert not torch.allclose(back, sounds[0], atol=1e-5)
    assert small(bandwidth_id=1).num_levels == 2


def test_overlapping_windows_of_a_sines_spectra_give_the_sine_back():
    """The inverse STFT against `torch.stft`, away from the ends."""
    sizes = Sizes(latent=4, width=1282, inner=4, blocks=1)
    head = VocosNetwork(sizes).head
    wav = 0.1 * (torch.arange(6400) * 0.1).sin()
    spectra = torch.stft(torch.nn.functional.pad(wav, (480, 480)), 1280, 320, window=torch.hann_window(1280),
                         center=False, return_complex=True)  # fmt: skip
    with torch.no_grad():
        head.out.weight.copy_(torch.eye(1282))
        head.out.bias.zero_()
        features = torch.cat([spectra.abs().clamp(min=1e-9).log(), spectra.angle()]).T
        layers = StepsFirst((head.windows(nn.Identity()),)), Overlap(head.window, 320, LEAST)
        back = Stack(layers).push(features.T[None], end=True)[0, 0]
    assert back.shape == wav.shape
    torch.testing.assert_close(back[960:-960], wav[960:-960], rtol=0, atol=1e-5)


def test_pieces_of_bounded_size_give_the_sound_of_the_whole():
    codec = small()
    codes, frames = torch.randint(0, 64, (1, 130, 4)), torch.tensor([130])
    sound, _ = codec.decode(codes, frames)
    codec.chunk, seen = 6, []
    codec.network.head.out.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    torch.testing.assert_close(codec.decode(codes, frames)[0], sound, rtol=0, atol=1e-5)
    assert len(seen) > 15
    assert sum(seen) == 130
    assert max(seen) <= 27


def test_a_missing_original_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "vocos.models", None)
    with pytest.raises(UserError, match=r"pip install vocos"):
        with_weights(HALF, *made(), levels=(1, 2, 4), bandwidth_id=2, device=CPU, engine="original")


def test_long_sounds_have_the_codes_of_the_whole(monkeypatch):
    codec = small()
    wav = 0.3 * torch.randn(1, 150 * 320 + 9)
    lengths = torch.tensor([wav.shape[1]])
    codes, _ = codec.encode(wav, lengths)
    codec.half.chunk, seen = 20, []
    first, usual = codec.half.layers[0], Packed.__call__
    assert isinstance(first, Convolution)

    def watched(self, x):
        if self is first.function:
            seen.append(x.shape[-1])
        return usual(self, x)

    monkeypatch.setattr(Packed, "__call__", watched)
    assert torch.equal(codec.encode(wav, lengths)[0], codes)
    assert len(seen) > 5
    assert max(seen) <= 40 * 320 + 6


def test_the_originals_file_and_a_folder_of_encodec_give_the_same_codec(tmp_path):
    halves, tensors = made()
    extra = {"head.istft.window": torch.hann_window(1280), "feature_extractor.encodec.encoder.x": torch.ones(1)}
    torch.save({**tensors, **extra}, tmp_path / "pytorch_model.bin")
    model = EncodecModel(HALF)
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "parametrizations") and f"{name}.weight" in halves:
                module.weight = halves[f"{name}.weight"]
    model.load_state_dict({name: t for name, t in halves.items() if name in model.state_dict()}, strict=False)
    model.save_pretrained(tmp_path / "encodec")
    config, read = encoder.load(str(tmp_path / "encodec"))
    assert read.keys() == halves.keys()
    for name, tensor in halves.items():
        torch.testing.assert_close(read[name], tensor, rtol=1e-5, atol=1e-6)
    loaded = weights.load(str(tmp_path))
    assert loaded.keys() == tensors.keys()
    codec = with_weights(config, read, loaded, levels=(1, 2, 4), bandwidth_id=2, device=CPU)
    codes, frames = torch.randint(0, 64, (1, 9, 4)), torch.tensor([9])
    torch.testing.assert_close(codec.decode(codes, frames)[0], small().decode(codes, frames)[0])


def test_other_weights_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"needs pytorch_model\.bin"):
        weights.load(str(tmp_path))
    _, tensors = made()
    torch.save({name: t for name, t in tensors.items() if name != weights.CODEBOOKS}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"is not a Vocos that decodes EnCodec's codes \(it lacks 'feature_extract"):
        weights.load(str(tmp_path))
    with pytest.raises(UserError, match="no weights at"):
        encoder.load(str(tmp_path / "nothing"))


def test_without_weights_nothing_is_made_up():
    def offline(repository, file, cached):
        raise OSError("offline")

    with pytest.raises(UserError, match=r"charactr/vocos-encodec-24khz into a folder and give --codec\.weights"):
        weights.load("", offline)
    with pytest.raises(UserError, match=r"facebook/encodec_24khz into a folder and give --codec\.encodec_weights"):
        encoder.load("", offline)


def test_random_weights_follow_the_seed_and_leave_the_callers_randomness_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    hashes = []
    for seed in (1, 1, 2):
        halves = encoder.random(HALF, seed)
        tensors = weights.random(Sizes(latent=16, width=16, inner=32, blocks=2), encoder.codebooks(halves), seed)
        codec = with_weights(HALF, halves, tensors, levels=(1, 2, 4), bandwidth_id=2, device=CPU)
        hashes.append(codec.identity.weights_hash)
    assert torch.equal(torch.rand(1), wanted)
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_bandwidth_is_a_number_of_levels_and_others_are_refused():
    codec = build(VocosOptions(weights="random", bandwidth=12.0), device=CPU)
    assert (codec.num_levels, codec.codebook_size, codec.levels) == (16, 1024, (2, 4, 8, 16))
    assert codec.lookahead_frames == 29
    with pytest.raises(UserError, match=r"bandwidth must be 1\.5, 3, 6 or 12 kbit"):
        VocosOptions(bandwidth=24.0)


@pytest.mark.slow
def test_half_an_hour_passes_in_bounded_memory():
    takes_half_an_hour(small())
