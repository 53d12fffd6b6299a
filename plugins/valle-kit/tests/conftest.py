"""A small synthesizer of each backbone, whose codec and frontend are fakes."""

from __future__ import annotations

import pytest
import torch

from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.sequence.vocabulary import Vocabulary
from valle_testing.fakes.audio import FakeCodec
from valle_testing.fakes.speaking import part, synthesizer_of

SIZES = {
    "llama": {"d_model": 48, "n_layers": 2, "n_heads": 6, "n_kv_heads": 2, "ffn_dim": 70},
    "transformer": {"d_model": 48, "n_layers": 2, "n_heads": 4},
    "retnet": {"d_model": 48, "n_layers": 2, "n_heads": 2},
    "mamba2": {"d_model": 48, "n_layers": 2, "head_dim": 16},
    "mamba": {"d_model": 48, "n_layers": 2},
}


def made(arch="llama", samplers=(("top_k", {"k": 20}), ("mirostat_v2", {})), **changes):
    torch.manual_seed(3)
    arch, _, adaptive = arch.partition(", ")
    parts = {"attention": part("attention", "sdpa") if arch in {"llama", "transformer"} else None}
    backbone = part("arch", arch, SIZES[arch] | ({"adaptive_norm": True} if adaptive else {}) | changes, **parts)
    symbols = ("<pad>", "<unk>", " ", *"abcdef")
    codec = FakeCodec()
    vocabulary = Vocabulary(
        symbols=len(symbols), languages=2, num_levels=codec.num_levels, codebook_size=codec.codebook_size
    )
    model = CodecLM(backbone, vocabulary, ModelOptions()).eval()
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    chain = [part("sampler", name, options) for name, options in samplers]
    return synthesizer_of(model, symbols=symbols, languages=("xx", "yy"), task=part("task", "tts"), chain=chain)


@pytest.fixture(scope="session")
def speaker():
    """(arch, samplers, options of the arch) → a synthesizer with weights by chance."""
    return made
