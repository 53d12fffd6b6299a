"""The codec that stored codes were made with, built as it was then and checked to be the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from valle_core.assemble.model import build_codec
from valle_core.assemble.schema import CODEC_SCHEMA
from valle_core.codes.identity import require_same
from valle_core.config.resolve import stored_part
from valle_core.config.schema import Part, Resolved
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected
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
    part = codec_part(resolved, registry, stored, options, what=what)
    choices = Resolved(parts={"codec": (part,)}, sections={}, schema=CODEC_SCHEMA).choices()
    (selected,) = preflight(registry, choices, device=device.type)["codec"]
    return built_codec(selected, part, stored, device=device, what=what)


def built_codec(selected: Selected, part: Part, stored: CodecIdentity, *, device: torch.device, what: str) -> Codec:
    """The codec of a part on its device. Raises `UserError` where it is another than `stored`."""
    codec = build_codec(selected, part.options, device=device)
    require_same(stored, codec.identity, what)
    return codec


def codec_part(
    resolved: Resolved, registry: Registry, stored: CodecIdentity, options: Mapping[str, Any], *, what: str
) -> Part:
    """The codec named in `resolved`, else the stored one, and its options; see `open_stored_codec`."""
    given = resolved.part("codec") if resolved.parts.get("codec") else None
    if given is not None and given.name.rpartition(":")[2] != stored.name:
        return given
    try:
        plugin = (given and given.plugin) or registry.select("codec", given.name if given else stored.name)
        kept = stored_part(plugin, "codec", options, "stored")
    except UserError as error:
        raise UserError(f"{what} codec '{stored.name}': {error}") from error
    if given is None:
        return kept
    plain = type(given.options)()
    changed = {
        field.name: value
        for field in dataclasses.fields(given.options)
        if (value := getattr(given.options, field.name)) != getattr(plain, field.name)
    }
    return dataclasses.replace(given, options=dataclasses.replace(kept.options, **changed))
