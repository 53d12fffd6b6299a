"""Levels ≥ 1 as the expected sum of their codebook vectors: near the chosen codes' where the model is sure."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.registry.hooks import Observers
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.text.symbols import SymbolMap
from valle_testing.fakes.audio import FakeCodec, FakeFrontend
from valle_testing.fakes.backbone import FakeBackbone
from valle_testing.fakes.parts import FakeTask

SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefgh")


class Greedy:
    def choose(self, logits, view):
        return logits.argmax(-1)


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
    parts = SynthesisComponents(
        ar=model, nar=model, symbols=SymbolMap(SYMBOLS), languages=("xx",), codec=codec, frontend=FakeFrontend(),
        task=FakeTask(), chain=SamplerChain([Greedy()]), nar_chain=SamplerChain([Greedy()]), observers=Observers(),
        expected=True,
    )  # fmt: skip
    asked = [Request(text=text, max_seconds=0.2) for text in ("abc", "hg fe")]
    for speech, plain in zip(
        Synthesizer(parts)(asked), Synthesizer(replace(parts, expected=False))(asked), strict=True
    ):
        assert torch.equal(speech.codes, plain.codes)
        chosen = sum(codec.codebooks[level, speech.codes[:, level]] for level in range(3))[:, 0]
        assert len(speech.wav) == len(chosen)
        assert torch.allclose(speech.wav, chosen, atol=1e-4) == sure
