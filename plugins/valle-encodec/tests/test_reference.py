"""What `valle bench codec` measures beside the codec, as far as it can be here."""

from __future__ import annotations

import torch
from valle_encodec import reference
from valle_encodec.plugin import ORIGINAL, TRANSFORMERS


def test_transformers_own_model_gives_our_codes_and_sound(small):
    case = TRANSFORMERS
    bandwidths = small.config.target_bandwidths
    theirs = case.load(small)
    assert small.config.target_bandwidths is bandwidths
    wav = 0.3 * torch.randn(2, 5001)
    codes, frames = small.encode(wav, torch.tensor([5001, 5001]))
    assert torch.equal(theirs.encode(wav), codes)
    torch.testing.assert_close(theirs.decode(codes).clamp(-1, 1), small.decode(codes, frames)[0], rtol=0, atol=1e-5)


def test_every_case_names_a_loader():
    cases = (ORIGINAL, TRANSFORMERS)
    assert {case.part for case in cases} == {"encodec"}
    loaders = [case.loads.partition(":") for case in cases]
    assert all(module == reference.__name__ and callable(getattr(reference, name)) for module, _, name in loaders)
