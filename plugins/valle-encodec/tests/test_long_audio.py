"""Long sounds and long codes in chunks of bounded size, equal to the whole."""

from __future__ import annotations

import pytest
import torch

from valle_kit.codes.packed import Packed
from valle_testing.suites.codec.long_sound import takes_half_an_hour


def sizes_seen(codec, call) -> list[int]:
    """Inputs of the first convolution of the encoder and the decoder during a call."""
    seen: list[int] = []
    firsts, usual = [layers[0].function for layers in (codec.encoder_layers, codec.decoder_layers)], Packed.__call__

    def watched(self, x):
        if any(self is first for first in firsts):
            seen.append(x.shape[-1])
        return usual(self, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Packed, "__call__", watched)
        call()
    return seen


@pytest.mark.parametrize("samples", [200 * 320, 200 * 320 - 1, 219 * 320 + 17])
def test_codes_and_sound_in_pieces_are_those_of_the_whole(small, samples):
    wav, lengths = 0.3 * torch.randn(1, samples), torch.tensor([samples])
    codes, frames = small.encode(wav, lengths)
    sound, _ = small.decode(codes, frames)
    small.chunk = 20
    seen = sizes_seen(small, lambda: small.encode(wav, lengths))
    assert len(seen) > 8
    assert max(seen) <= 2 * 20 * 320 + 10
    assert torch.equal(small.encode(wav, lengths)[0], codes)
    seen = sizes_seen(small, lambda: small.decode(codes, frames))
    assert len(seen) > 8
    assert max(seen) <= 20 + 6
    torch.testing.assert_close(small.decode(codes, frames)[0], sound, rtol=0, atol=1e-5)
    stream = small.stream()
    torch.testing.assert_close(torch.cat([stream.push(codes), stream.flush()], 1), sound, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_half_an_hour_passes_in_bounded_memory(small):
    takes_half_an_hour(small)
