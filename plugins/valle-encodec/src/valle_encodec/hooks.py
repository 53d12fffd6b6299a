"""The packages that codec `encodec` replaces, offered to `valle bench codec`."""

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
            PeerSpec(bench="codec", name="encodec EncodecModel", loads="valle_encodec.peer:original", codec="encodec"),
            PeerSpec(
                bench="codec",
                name="transformers EncodecModel",
                loads="valle_encodec.peer:hugging_face",
                codec="encodec",
            ),
        ]


HOOKS = Hooks()
