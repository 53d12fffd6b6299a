"""A synthesizer around any model, of fakes and greedy choice but for what a test says."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.assemble.part import build
from valle_core.interfaces import SamplerView
from valle_core.model.codec_lm import CodecLM
from valle_core.registry.hooks import Observers
from valle_core.registry.registry import Registry
from valle_core.synthesis.components import SynthesisComponents
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.text.symbols import SymbolMap
from valle_testing.fakes.audio import FakeCodec, FakeFrontend
from valle_testing.fakes.parts import FakeTask

SYMBOLS = ("<pad>", "<unk>", " ", *"abcdefgh")


class Greedy:
    """Chooses the likeliest token."""

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        """The first of those that are equal."""
        return logits.argmax(-1)


def part(kind: str, name: str, options: dict[str, Any] | None = None, **parts: Any) -> Any:
    """An installed plugin's object, built with these of its options."""
    plugin = Registry.open().select(kind, name)
    return build(plugin, plugin.options_type()(**options or {}), **parts)


def synthesizer_of(model: CodecLM, *, symbols: tuple[str, ...] = SYMBOLS, **changes: Any) -> Synthesizer:
    """Of `model` for both halves; `changes` are fields of `SynthesisComponents`, chains may be lists."""
    parts: dict[str, Any] = {
        "ar": model, "nar": model, "symbols": SymbolMap(symbols), "languages": ("xx",), "codec": FakeCodec(),
        "frontend": FakeFrontend(), "task": FakeTask(), "chain": [Greedy()], "nar_chain": [Greedy()],
        "observers": Observers(), **changes,
    }  # fmt: skip
    chains = {name: SamplerChain(list(parts[name])) for name in ("chain", "nar_chain")}
    return Synthesizer(SynthesisComponents(**parts | chains))
