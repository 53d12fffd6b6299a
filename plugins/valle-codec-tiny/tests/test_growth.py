from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_codec_tiny.checkpoint import export
from valle_codec_tiny.codec import TinyCodec, TinyOptions, build
from valle_codec_tiny.features import HOP
from valle_codec_tiny.growth import grow
from valle_codec_tiny.network import SIZES, NetworkSize, TinyNetwork
from valle_codec_tiny.streaming import layers_of

from valle_core.plugin import UserError
from valle_kit.codes.stack import lookahead
from valle_testing import suite

FRAMES = 12
LITTLE = NetworkSize(
    encoder=16, encoder_blocks=1, codes=8, levels=2, coarse=16, coarse_blocks=1, fine=16, fine_blocks=1, pitch=8
)
DEEPER = replace(LITTLE, encoder_blocks=3, codes=16, coarse_blocks=3, fine_blocks=3, causal=(2, 2))


def _network(size: NetworkSize, seed: int = 0) -> TinyNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TinyNetwork(size)
        finer = 0.3 ** torch.arange(size.levels)[:, None, None]
        network.quantizer.books.copy_(torch.randn(network.quantizer.books.shape) * finer)
    return network.eval().requires_grad_(False)


def _spectra(network: TinyNetwork, latent: torch.Tensor) -> torch.Tensor:
    return network.decoder(latent, None)


def test_a_grown_network_says_nearly_what_the_small_one_said(tmp_path):
    small, grown = _network(LITTLE), _network(DEEPER, seed=1)
    latent = torch.randn(1, FRAMES, LITTLE.latent, generator=torch.Generator().manual_seed(0))
    before = (_spectra(grown, latent) - _spectra(small, latent)).abs().mean()
    export(small, tmp_path / "little.safetensors", {})
    grow(grown, tmp_path / "little.safetensors")
    after = (_spectra(grown, latent) - _spectra(small, latent)).abs().mean()
    assert float(after) < 0.1 * float(before)


def test_new_blocks_can_learn_from_the_first_step(tmp_path):
    small, grown = _network(LITTLE), _network(DEEPER, seed=1)
    export(small, tmp_path / "little.safetensors", {})
    grow(grown, tmp_path / "little.safetensors")
    grown.requires_grad_(True)
    _spectra(grown, torch.randn(1, FRAMES, LITTLE.latent)).square().mean().backward()
    block = grown.decoder.fine_blocks()[-1]
    assert block.up.weight.grad is not None
    assert float(block.up.weight.grad.abs().sum()) > 0


def test_weights_that_do_not_fit_are_named(tmp_path):
    export(_network(replace(LITTLE, fine=24)), tmp_path / "wide.safetensors", {})
    with pytest.raises(UserError, match=r"wide\.safetensors' holds decoder\..*no place for"):
        grow(_network(DEEPER), tmp_path / "wide.safetensors")


def test_weights_name_the_codec_they_are(tmp_path):
    export(_network(DEEPER), tmp_path / "some.safetensors", {}, codec="small")
    codec = build(TinyOptions(weights=str(tmp_path / "some.safetensors")), device=torch.device("cpu"))
    assert codec.identity.name == "small"
    export(_network(DEEPER), tmp_path / "other.safetensors", {}, codec="mel-gl")
    with pytest.raises(UserError, match="holds codec 'mel-gl', not 'tiny or small'"):
        build(TinyOptions(weights=str(tmp_path / "other.safetensors")), device=torch.device("cpu"))


def test_blocks_that_look_only_back_cost_no_latency():
    def ahead(size):
        return lookahead(layers_of(TinyNetwork(size).decoder), HOP)

    plain, deep = SIZES["tiny"], SIZES["small"]
    assert deep.fine_blocks > plain.fine_blocks
    assert ahead(deep) == ahead(plain) == 9


def test_the_weights_of_every_size_fit_the_bound_of_a_shipped_codec():
    network = TinyNetwork(SIZES["small"])
    skipped = network.quantizer.counts.numel() + network.quantizer.sums.numel()
    count = sum(tensor.numel() for tensor in network.state_dict().values()) - skipped
    assert 2 * count <= 12e6


def _deep_codec() -> TinyCodec:
    return TinyCodec(_network(DEEPER), "0" * 16, torch.device("cpu"), "deep")


def test_codes_of_a_long_sound_do_not_depend_on_where_it_is_cut():
    codec = _deep_codec()
    wav = torch.randn(1, 90 * codec.hop, generator=torch.Generator().manual_seed(0)) * 0.1
    whole = codec.encode(wav, torch.tensor([wav.shape[1]]))[0]
    codec.chunk = 30
    assert torch.equal(codec.encode(wav, torch.tensor([wav.shape[1]]))[0], whole)


test_a_deeper_codec_conforms = suite.conformance("codec", _deep_codec)
