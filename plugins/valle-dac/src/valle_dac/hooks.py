"""The packages that codec `dac` replaces, offered to `valle bench codec`."""

from __future__ import annotations

import pluggy

from valle_core.plugin import HOOK_PROJECT, PeerSpec

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[PeerSpec]:
        """The cases of `valle bench codec`."""
        return [
            PeerSpec(bench="codec", name="descript-audio-codec DAC", loads="valle_dac.peer:original", codec="dac"),
            PeerSpec(bench="codec", name="transformers DacModel", loads="valle_dac.peer:hugging_face", codec="dac"),
        ]


HOOKS = Hooks()
