"""torchscale's RetNet, offered to `valle bench arch` as the library beside arch `retnet`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

from valle_core.plugin import HOOK_PROJECT

if TYPE_CHECKING:
    from valle_retnet.backbone import RetNetBackbone
    from valle_retnet.peer import TorchscalePeer

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchCase:
    """A `valle_core.registry.hooks.BenchCase`: the same weights in torchscale's `RetNetDecoder`."""

    bench: str = "arch"
    name: str = "torchscale RetNet"
    arch: str = "retnet"

    def load(self, backbone: RetNetBackbone) -> TorchscalePeer:
        """Raises `UserError` where torchscale is missing."""
        from valle_retnet.peer import TorchscalePeer

        return TorchscalePeer(backbone)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[ArchCase]:
        """One case of `valle bench arch`."""
        return [ArchCase()]


HOOKS = Hooks()
