"""transformers' Mamba and Mamba-2 beside ours, offered to `valle bench arch`."""

from __future__ import annotations

import pluggy

from valle_core.plugin import HOOK_PROJECT, PeerSpec, Requirement

NEEDED = (Requirement(module="transformers", hint="pip install 'valle-mamba[hf]'"),)

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[PeerSpec]:
        """One peer of each arch."""
        return [
            PeerSpec(
                bench="arch",
                name="transformers MambaModel",
                loads="valle_mamba.peer:Peer",
                arch="mamba",
                requires=NEEDED,
            ),
            PeerSpec(
                bench="arch",
                name="transformers Mamba2Model",
                loads="valle_mamba.peer:Peer",
                arch="mamba2",
                requires=NEEDED,
            ),
        ]


HOOKS = Hooks()
