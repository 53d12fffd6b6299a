"""A recording becomes codes where the codec is, and they come back to the CPU."""

from __future__ import annotations

import numpy as np
import torch

from valle_cli.demo.spoken_check import through_codec
from valle_core.audio.wav import write
from valle_core.synthesis.prompt import encode_prompt
from valle_testing.fakes.audio import FakeCodec

ELSEWHERE = torch.device("meta")


class FarCodec(FakeCodec):
    """Takes only what lies on its device, as a codec on a GPU does; its answers are on the CPU, to be looked at."""

    def encode(self, wav, lengths):
        assert wav.device == lengths.device == ELSEWHERE
        return torch.ones(1, 10, 4, dtype=torch.long), torch.tensor([9])


def test_a_prompt_is_encoded_where_the_codec_is(tmp_path):
    write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(8000) / 9), 16000)
    codes = encode_prompt(tmp_path / "a.wav", FarCodec(), device=ELSEWHERE, max_seconds=3)
    assert codes.shape == (9, 4)
    assert codes.device.type == "cpu"


def test_a_codecs_verdict_is_made_where_the_codec_is(tmp_path):
    """`valle demo` on a machine with a GPU."""
    write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(8000) / 9), 16000)
    (wav,) = through_codec([tmp_path / "a.wav"], FarCodec(), 4, device=ELSEWHERE)
    assert wav.shape == (9 * 320,)
