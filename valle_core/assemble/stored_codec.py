"""The codec that stored codes were made with, found in the registry and checked to be the same."""

from __future__ import annotations

import torch

from valle_core.assemble.model import build_codec
from valle_core.codes.identity import require_same
from valle_core.config.resolve import resolve
from valle_core.config.schema import Resolved, Schema, Slot
from valle_core.interfaces import Codec
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.types import CodecIdentity


def open_stored_codec(
    resolved: Resolved, registry: Registry, stored: CodecIdentity, *, device: torch.device, what: str
) -> Codec:
    """The codec named in `resolved` (of `schema.CODEC_SCHEMA`), else the one of that name with its default options.

    Raises:
        UserError: it is missing, or another than `stored`; `what` begins that sentence, e.g. `"'data' holds codes of"`.
    """
    wanted = resolved
    if not resolved.parts.get("codec"):
        wanted = resolve(Schema(slots=(Slot("codec", "codec", stored.name),)), registry)
    (selected,) = preflight(registry, wanted.choices(), device=device.type)["codec"]
    codec = build_codec(selected, wanted.part("codec").options, device=device)
    require_same(stored, codec.identity, what)
    return codec
