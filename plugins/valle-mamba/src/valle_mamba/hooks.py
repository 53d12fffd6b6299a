"""transformers' Mamba and Mamba-2 beside ours, offered to `valle bench arch`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pluggy

from valle_core.plugin import HOOK_PROJECT, UserError

if TYPE_CHECKING:
    from valle_mamba.backbone import MambaBackbone
    from valle_mamba.peer import Peer

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchCase:
    """A peer of one arch, for `valle bench arch`.

    Attributes:
        name: what the peer is called in the table.
        arch: which of our archs it is compared with.
    """

    name: str
    arch: str
    bench: str = "arch"

    def load(self, backbone: MambaBackbone) -> Peer:
        """transformers' model over the weights of `backbone`. Raises `UserError` where transformers is missing."""
        if find_spec("transformers") is None:
            raise UserError(f"{self.name} needs transformers. Install it with: pip install 'valle-mamba[hf]'")
        from valle_mamba.peer import Peer

        return Peer(backbone)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[ArchCase]:
        """One peer of each arch."""
        return [
            ArchCase(name="transformers MambaModel", arch="mamba"),
            ArchCase(name="transformers Mamba2Model", arch="mamba2"),
        ]


HOOKS = Hooks()
