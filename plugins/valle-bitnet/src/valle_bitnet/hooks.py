"""What `valle bench arch` compares `bitnet` with: transformers' BitNetModel, and its own packed weights."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pluggy

from valle_core.plugin import HOOK_PROJECT, UserError

if TYPE_CHECKING:
    from valle_bitnet.peer import BitNetPeer, PackedPeer

hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchCase:
    """A `valle_core.registry.hooks.BenchCase`: transformers' model on the same weights.

    Attributes:
        bench: word after `valle bench`.
        name: of the other side.
        arch: of ours.
    """

    bench: str = "arch"
    name: str = "transformers BitNetModel"
    arch: str = "bitnet"

    def load(self, backbone: Any) -> BitNetPeer:
        """Raises `UserError` when transformers is missing."""
        if find_spec("transformers") is None:
            raise UserError(f"{self.name} needs transformers. Install it with: pip install 'valle-bitnet[hf]'")
        from valle_bitnet.peer import BitNetPeer

        return BitNetPeer(backbone)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedCase:
    """A `valle_core.registry.hooks.BenchCase`: the backbone itself with two bits per weight.

    Attributes:
        bench, name, arch: as in `ArchCase`.
    """

    bench: str = "arch"
    name: str = "valle bitnet, packed"
    arch: str = "bitnet"

    def load(self, backbone: Any) -> PackedPeer:
        """A packed copy."""
        from valle_bitnet.peer import PackedPeer

        return PackedPeer(backbone)


class Hooks:
    """What this distribution observes: nothing but the call for benchmarks."""

    @hookimpl
    def bench_cases(self) -> list[ArchCase | PackedCase]:
        """Two rows of `valle bench arch`."""
        return [ArchCase(), PackedCase()]


HOOKS = Hooks()
