"""torchscale's RetNet, offered to `valle bench arch` as the library beside arch `retnet`."""

from __future__ import annotations

import pluggy

from valle_core.plugin import HOOK_PROJECT, PeerSpec

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[PeerSpec]:
        """One case of `valle bench arch`."""
        return [
            PeerSpec(bench="arch", name="torchscale RetNet", loads="valle_retnet.peer:TorchscalePeer", arch="retnet"),
        ]


HOOKS = Hooks()
