"""A small synthesizer of each backbone, whose codec and frontend are fakes."""

from __future__ import annotations

import pytest
import torch

from valle_core.api import Registry
from valle_core.assemble.part import build
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.registry.hooks import Observers
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.text.symbols import SymbolMap
from valle_testing.fakes.audio import FakeCodec, FakeFrontend

SIZES = {
    "llama": {"d_model": 48, "n_layers": 2, "n_heads": 6, "n_kv_heads": 2, "ffn_dim": 70},
    "transformer": {"d_model": 48, "n_layers": 2, "n_heads": 4},
    "retnet": {"d_model": 48, "n_layers": 2, "n_heads": 2},
    "mamba2": {"d_model": 48, "n_layers": 2, "head_dim": 16},
    "mamba": {"d_model": 48, "n_layers": 2},
}


def built(kind, name, options=None, **parts):
    selected = Registry.open().select(kind, name)
    return build(selected, selected.options_type()(**(options or {})), **parts)


def made(arch="llama", samplers=(("top_k", {"k": 20}), ("mirostat_v2", {})), **changes):
    torch.manual_seed(3)
    arch, _, adaptive = arch.partition(", ")
    parts = {"attention": built("attention", "sdpa") if arch in {"llama", "transformer"} else None}
    backbone = built("arch", arch, SIZES[arch] | ({"adaptive_norm": True} if adaptive else {}) | changes, **parts)
    symbols = SymbolMap(("<pad>", "<unk>", " ", *"abcdef"))
    codec = FakeCodec()
    vocabulary = Vocabulary(
        symbols=len(symbols.symbols), languages=2, num_levels=codec.num_levels, codebook_size=codec.codebook_size
    )
    model = CodecLM(backbone, vocabulary, ModelOptions()).eval()
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return Synthesizer(
        SynthesisComponents(
            ar=model,
            nar=model,
            symbols=symbols,
            languages=("xx", "yy"),
            codec=codec,
            frontend=FakeFrontend(),
            task=built("task", "tts"),
            chain=SamplerChain([built("sampler", name, options) for name, options in samplers]),
            nar_chain=SamplerChain([built("sampler", "greedy")]),
            observers=Observers(),
        )
    )


@pytest.fixture(scope="session")
def speaker():
    """(arch, samplers, options of the arch) → a synthesizer with weights by chance."""
    return made
