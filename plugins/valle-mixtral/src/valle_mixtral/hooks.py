"""The comparison with transformers' MixtralModel, offered to `valle bench arch`."""

from __future__ import annotations

import pluggy

from valle_core.plugin import HOOK_PROJECT, PeerSpec

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[PeerSpec]:
        """One row of `valle bench arch`."""
        return [
            PeerSpec(
                bench="arch", name="transformers MixtralModel", loads="valle_mixtral.peer:MixtralPeer", arch="mixtral"
            ),
        ]


HOOKS = Hooks()
