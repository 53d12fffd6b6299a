from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_codec_tiny.checkpoint import export
from valle_codec_tiny.codec import TinyCodec
from valle_codec_tiny.growth import grow
from valle_codec_tiny.network import NetworkSize, TinyNetwork
from valle_codec_tiny.source import NOISE_WINDOWS, noise_spectra, noise_table

LITTLE = NetworkSize(
    encoder=16, encoder_blocks=1, codes=8, levels=2, coarse=16, coarse_blocks=1, fine=16, fine_blocks=1, pitch=8
)
BREATHY = replace(LITTLE, noise=True, direct=2500.0)


def _network(size: NetworkSize) -> TinyNetwork:
    torch.manual_seed(0)
    network = TinyNetwork(size).eval().requires_grad_(False)
    network.quantizer.books.copy_(torch.randn(network.quantizer.books.shape) * 0.3)
    return network


def test_a_bin_of_the_noise_has_power_one_on_average():
    power = noise_spectra(noise_table(160), 0, NOISE_WINDOWS, 160).abs().square().mean(0)
    assert float(power[1:-1].mean()) == pytest.approx(1.0, abs=0.02)


def test_noise_goes_on_where_it_was():
    table = noise_table(160)
    whole = noise_spectra(table, NOISE_WINDOWS - 4, 9, 160)
    parts = torch.cat(
        [noise_spectra(table, NOISE_WINDOWS - 4, 5, 160), noise_spectra(table, NOISE_WINDOWS + 1, 4, 160)]
    )
    assert torch.equal(whole, parts)


def test_what_is_streamed_holds_the_noise_of_the_whole():
    codec = TinyCodec(_network(BREATHY), "0" * 16, torch.device("cpu"), "small")
    codes = torch.randint(8, (1, 30, 2), generator=torch.Generator().manual_seed(0))
    whole, _ = codec.decode(codes, torch.tensor([30]))
    stream = codec.stream()
    parts = [stream.push(part) for part in codes.split([3, 11, 1, 15], dim=1)]
    assert torch.allclose(torch.cat([*parts, stream.flush()], dim=1), whole, atol=1e-5)


def test_above_the_bound_nothing_is_said_directly():
    decoder, silence = _network(BREATHY).decoder, torch.zeros(1, 4, 321, dtype=torch.complex64)
    for hertz, audible in ((1000, True), (4000, False)):
        spectra = torch.full((1, 4, 5 * 321), -50.0)
        spectra[..., hertz // 25] = 2.0  # its magnitude alone
        assert bool(decoder.windowed(spectra, silence, 0).abs().max() > 1e-3) == audible


def test_new_noise_takes_over_what_was_said_directly(tmp_path):
    plain, breathy = _network(LITTLE), _network(BREATHY)
    plain.decoder.out.weight[:321] = torch.randn(321, 16)
    export(plain, tmp_path / "plain.safetensors", {})
    assert grow(breathy, tmp_path / "plain.safetensors")
    latent = torch.randn(1, 40, 32)
    spectra = breathy.decoder(latent, None)
    direct, noise = spectra[..., :321], spectra[..., 4 * 321 :]
    assert torch.allclose(direct[..., 200:], noise[..., 200:], atol=1e-5)
    assert torch.allclose(direct[..., :80] - 3, noise[..., :80], atol=1e-5)
    assert torch.equal(breathy.quantizer.books, plain.quantizer.books.half().float())
