"""The package that codec `vocos` replaces, offered to `valle bench codec`."""

from __future__ import annotations

import pluggy

from valle_core.plugin import HOOK_PROJECT, PeerSpec

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[PeerSpec]:
        """The case of `valle bench codec`."""
        return [
            PeerSpec(bench="codec", name="vocos Vocos", loads="valle_vocos.peer:original", codec="vocos"),
        ]


HOOKS = Hooks()
