"""What `valle bench codec` measures beside the codec, as far as it can be here."""

from __future__ import annotations

import torch
from transformers import DacConfig
from valle_dac import reference, weights
from valle_dac.codec import with_weights
from valle_dac.options import DacOptions
from valle_dac.plugin import ORIGINAL, TRANSFORMERS

SMALL = DacConfig(encoder_hidden_size=4, decoder_hidden_size=32, downsampling_ratios=[2, 4, 5, 8], n_codebooks=3,
                  codebook_size=64, sampling_rate=16000)  # fmt: skip


def test_transformers_own_model_gives_our_codes_and_sound():
    codec = with_weights(SMALL, weights.random(SMALL, 1), DacOptions(levels=2), torch.device("cpu"))
    case = TRANSFORMERS
    theirs = case.load(codec)
    wav = 0.3 * torch.randn(2, 5001)
    codes, frames = codec.encode(wav, torch.tensor([5001, 5001]))
    assert torch.equal(theirs.encode(wav), codes)
    back = theirs.decode(codes)
    torch.testing.assert_close(back, codec.decode(codes, frames)[0][:, : back.shape[1]], rtol=0, atol=1e-5)


def test_every_case_names_a_loader():
    cases = (ORIGINAL, TRANSFORMERS)
    assert {case.part for case in cases} == {"dac"}
    loaders = [case.loads.partition(":") for case in cases]
    assert all(module == reference.__name__ and callable(getattr(reference, name)) for module, _, name in loaders)
