"""The decoding benchmark and the peer of `llama`, offered to `valle bench decode` and `valle bench arch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from valle_core.plugin import HOOK_PROJECT, PeerSpec

if TYPE_CHECKING:
    from valle_llama.bench_decode import Row

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeCase:
    """A `valle_core.registry.hooks.BenchCase`: AR decoding beside `LlamaForCausalLM.generate`."""

    bench: str = "decode"
    name: str = "llama"

    def run(self, **settings: Any) -> list[Row]:
        """Rows of `valle_llama.bench_decode.compare`, which also says what can be set."""
        from valle_llama.bench_decode import compare

        return compare(**settings)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[DecodeCase | PeerSpec]:
        """One case of `valle bench decode`, one of `valle bench arch`."""
        peer = PeerSpec(bench="arch", name="transformers LlamaModel", loads="valle_llama.peer:load", arch="llama")
        return [DecodeCase(), peer]


HOOKS = Hooks()
