"""Long audio is encoded in windows and gives the codes of the whole."""

from __future__ import annotations

import pytest
import torch

from valle_data.audio.long_audio import encode_long
from valle_testing.fakes.audio import FakeCodec


class Counting(FakeCodec):
    longest = 0

    def encode(self, wav, lengths):
        self.longest = max(self.longest, wav.shape[1])
        return super().encode(wav, lengths)


@pytest.mark.parametrize("samples", [100, 320 * 50, 320 * 50 + 1, 320 * 175 - 7, 320 * 200])
def test_windows_joined_equal_the_whole(samples):
    codec = Counting()
    wav = torch.randn(samples).clamp(-1, 1)
    whole, frames = FakeCodec().encode(wav[None], torch.tensor([samples]))
    codes = encode_long(codec, wav, window_seconds=1.0, context_seconds=0.2)
    assert codes.shape == (int(frames[0]), 4)
    assert torch.equal(codes, whole[0])
    assert codec.longest <= 50 * 320
