"""The codec and the frontend of a preparation, and what is written down about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from valle_core.interfaces import Codec, Frontend
from valle_core.registry.identity import PluginIdentity


@dataclass(frozen=True, kw_only=True, slots=True)
class Equipment:
    """What a preparation works with.

    Attributes:
        codec: whose codes are stored.
        frontend: whose phonemes are stored.
        frontend_name: of the registry.
        frontend_options: stored for those who build the frontend again, see `valle_core.assemble.portable`.
        codec_options: the same of the codec.
        plugins: who provided the two.
        device: of the codec.
    """

    codec: Codec
    frontend: Frontend
    frontend_name: str
    frontend_options: Mapping[str, Any] = field(default_factory=dict)
    codec_options: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[PluginIdentity, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
