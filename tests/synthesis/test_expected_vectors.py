"""Levels ≥ 1 as the expected sum of their codebook vectors: near the chosen codes' where the model is sure."""

from __future__ import annotations

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.request import Request
from valle_testing.fakes.audio import FakeCodec
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.speaking import SYMBOLS, synthesizer_of


class VectorCodec(FakeCodec):
    """Its sound is the first number of each frame's vector."""

    def decode_vectors(self, vectors, frames):
        return vectors[..., 0], frames


@pytest.mark.parametrize("sure", [True, False])
def test_expected_vectors_are_those_of_the_codes_where_the_model_is_sure(sure):
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=len(SYMBOLS), languages=1, num_levels=3, codebook_size=32)
    model = CodecLM(FakeBackbone(), vocabulary, ModelOptions()).eval()
    if sure:
        for head in model.heads.parameters():
            head.data *= 1e5
    codec = VectorCodec()
    asked = [Request(text=text, max_seconds=0.2) for text in ("abc", "hg fe")]
    expected, chosen = (synthesizer_of(model, codec=codec, expected=expected) for expected in (True, False))
    for speech, plain in zip(expected(asked), chosen(asked), strict=True):
        assert torch.equal(speech.codes, plain.codes)
        vectors = sum(codec.codebooks[level, speech.codes[:, level]] for level in range(3))[:, 0]
        assert len(speech.wav) == len(vectors)
        assert torch.allclose(speech.wav, vectors, atol=1e-4) == sure
