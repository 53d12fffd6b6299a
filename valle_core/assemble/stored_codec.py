"""The codec that stored codes were made with, built as it was then and checked to be the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from valle_core.assemble.model import build_codec
from valle_core.codes.identity import require_same
from valle_core.config.resolve import resolve
from valle_core.config.schema import Part, Resolved, Schema, Slot
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.types import CodecIdentity


def open_stored_codec(
    resolved: Resolved,
    registry: Registry,
    stored: CodecIdentity,
    options: Mapping[str, Any],
    *,
    device: torch.device,
    what: str,
) -> Codec:
    """The codec of stored codes.

    Args:
        resolved: its slot `codec` may name one; options given there count, the others are the stored ones.
        stored: identity the codec must have.
        options: that it was built with (`portable.codec_options`); empty where they were not kept.
        what: begins the sentence of a refusal, e.g. `"dataset 'data' holds codes of"`.

    Raises:
        UserError: it is missing, cannot be built, or is another than `stored`.
    """
    try:
        part = _part(resolved, registry, stored, options)
    except UserError as error:
        raise UserError(f"{what} codec '{stored.name}': {error}") from error
    (selected,) = preflight(registry, {"codec": ("codec", (part.name,))}, device=device.type)["codec"]
    codec = build_codec(selected, part.options, device=device)
    require_same(stored, codec.identity, what)
    return codec


def _part(resolved: Resolved, registry: Registry, stored: CodecIdentity, options: Mapping[str, Any]) -> Part:
    given = resolved.part("codec") if resolved.parts.get("codec") else None
    if given is not None and given.name.rpartition(":")[2] != stored.name:
        return given
    default = {"name": given.name if given else stored.name, **options}
    kept = resolve(Schema(slots=(Slot("codec", "codec", default),)), registry).part("codec")
    if given is None:
        return kept
    plain = type(given.options)()
    changed = {
        field.name: value
        for field in dataclasses.fields(given.options)
        if (value := getattr(given.options, field.name)) != getattr(plain, field.name)
    }
    return Part(given.name, dataclasses.replace(kept.options, **changed))
