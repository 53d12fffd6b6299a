"""What `valle bench arch` compares `bitnet` with: transformers' BitNetModel, and its own packed weights."""

from __future__ import annotations

import pluggy

from valle_core.plugin import HOOK_PROJECT, PeerSpec, Requirement

NEEDED = (Requirement(module="transformers", hint="pip install 'valle-bitnet[hf]'"),)

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[PeerSpec]:
        """Two rows of `valle bench arch`."""
        return [
            PeerSpec(
                bench="arch",
                name="transformers BitNetModel",
                loads="valle_bitnet.peer:BitNetPeer",
                arch="bitnet",
                requires=NEEDED,
            ),
            PeerSpec(bench="arch", name="valle bitnet, packed", loads="valle_bitnet.peer:PackedPeer", arch="bitnet"),
        ]


HOOKS = Hooks()
