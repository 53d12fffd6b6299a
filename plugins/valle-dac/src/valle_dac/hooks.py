"""The packages that codec `dac` replaces, offered to `valle bench codec`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from valle_core.plugin import HOOK_PROJECT

if TYPE_CHECKING:
    from valle_core.api import CodecPeer

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A `valle_core.api.CodecPeerCase`.

    Attributes:
        loads: name of the function of `valle_dac.peer` that loads it.
    """

    name: str
    loads: str
    bench: str = "codec"
    codec: str = "dac"

    def load(self, codec: Any) -> CodecPeer:
        """The peer on the weights of the codec."""
        from valle_dac import peer

        return getattr(peer, self.loads)(codec)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[Case]:
        """The cases of `valle bench codec`."""
        return [
            Case(name="descript-audio-codec DAC", loads="original"),
            Case(name="transformers DacModel", loads="hugging_face"),
        ]


HOOKS = Hooks()
