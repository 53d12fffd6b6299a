"""The suite of codecs, and the transform and the quantiser against their formulas."""

from __future__ import annotations

import pytest
import torch
from valle_core.plugin import UserError
from valle_testing import suite

from acme_package.codec import build
from acme_package.options import HOP, AcmeNameOptions
from acme_package.plugin import SPEC
from acme_package.quantizer import SPREAD, codebooks, dequantize, quantize
from acme_package.transform import Transform

CPU = torch.device("cpu")

test_it_conforms = suite.conformance("codec", lambda: build(AcmeNameOptions(), device=CPU), spec=SPEC)


def test_without_quantisation_the_sound_comes_back():
    transform = Transform(HOP, bands=HOP, device=CPU)
    wav = 0.3 * torch.randn(2, 7 * HOP, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found, last = transform.sound(transform.bands(wav), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(found, wav)
    torch.testing.assert_close(last, wav[:, -1])


def test_every_level_leaves_the_share_of_the_power_that_the_formula_says():
    books = codebooks(6, 256, 48, seed=0)
    bands = SPREAD * torch.randn(1, 1000, 48, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    codes = quantize(bands, books)
    left = [(bands - dequantize(codes[..., :level], books)).square().mean() for level in range(1, 7)]
    for before, after in zip([bands.square().mean(), *left[:-1]], left, strict=True):
        assert 1.0 <= after / before / 256 ** (-2 / 48) < 1.08


def test_silence_stays_silent():
    codec = build(AcmeNameOptions(), device=CPU)
    codes, frames = codec.encode(torch.zeros(1, 5 * HOP), torch.tensor([5 * HOP]))
    assert not codec.decode(codes, frames)[0].any()


def test_impossible_sizes_are_refused():
    with pytest.raises(UserError, match=r"codec.bands must be in \[1, 160\], got 161"):
        AcmeNameOptions(bands=161)
