"""The comparison with transformers' MixtralModel, offered to `valle bench arch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from valle_core.plugin import HOOK_PROJECT

if TYPE_CHECKING:
    from valle_mixtral.peer import MixtralPeer

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchCase:
    """A `valle_core.registry.hooks.BenchCase`: the library this backbone is compared with.

    Attributes:
        bench: word after `valle bench`.
        name: of the other side.
        arch: of ours.
    """

    bench: str = "arch"
    name: str = "transformers MixtralModel"
    arch: str = "mixtral"

    def load(self, backbone: Any) -> MixtralPeer:
        """Transformers' model with the weights of our backbone."""
        from valle_mixtral.peer import MixtralPeer

        return MixtralPeer(backbone)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[ArchCase]:
        """One row of `valle bench arch`."""
        return [ArchCase()]


HOOKS = Hooks()
