"""The codec and the frontend of a preparation, opened, and what is written down about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from valle_core.assemble.part import build
from valle_core.config.schema import Resolved
from valle_core.interfaces import Codec, Frontend
from valle_core.plugin import UserError
from valle_core.registry.identity import PluginIdentity, identity_of
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_data.preparation.aligning import PHONEMES, Aligner
from valle_data.preparation.stored_options import codec_options, portable_options

ALIGN = "align"
"""Slot of the recognizer that times phonemes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparationComponents:
    """What a preparation works with.

    Attributes:
        codec: whose codes are stored.
        frontend: whose phonemes are stored.
        frontend_name: of the registry.
        frontend_options: stored for those who build the frontend again, see `valle_data.preparation.stored_options`.
        codec_options: the same of the codec.
        plugins: who provided the two.
        device: of the codec.
        aligner: what times the phonemes of recordings without times; None for nothing.
    """

    codec: Codec
    frontend: Frontend
    frontend_name: str
    frontend_options: Mapping[str, Any] = field(default_factory=dict)
    codec_options: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[PluginIdentity, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    aligner: Aligner | None = None


def open_components(resolved: Resolved, registry: Registry, device: torch.device) -> PreparationComponents:
    """What `PREPARE_SCHEMA` describes. Raises `UserError` where a plugin is missing or does not run on the device."""
    choices = {slot: choice for slot, choice in resolved.choices().items() if slot != ALIGN}
    selected = preflight(registry, choices, device=device.type)
    part = resolved.part("frontend")
    frontend = build(selected["frontend"][0], part.options)
    return PreparationComponents(
        codec=build(selected["codec"][0], resolved.part("codec").options, device=device),
        frontend=frontend,
        frontend_name=part.name,
        plugins=tuple(identity_of(selected[slot][0]) for slot in ("codec", "frontend")),
        frontend_options=portable_options(frontend, part.options),
        codec_options=codec_options(resolved.part("codec").options),
        device=device,
        aligner=open_aligner(resolved, registry, device),
    )


def open_aligner(resolved: Resolved, registry: Registry, device: torch.device) -> Aligner | None:
    """The recognizer of the slot `align`, on the CPU where it runs on nothing else; None where none is named.

    Raises:
        UserError: a plugin is missing, or it does not time phonemes.
    """
    if not resolved.parts[ALIGN]:
        return None
    part = resolved.part(ALIGN)
    spec = registry.select("recognizer", part.name).spec
    if PHONEMES not in spec.capabilities:
        able = [one.name for one in registry.entries("recognizer") if PHONEMES in getattr(one.spec, "capabilities", ())]
        names = " or ".join(able) or "hama"
        raise UserError(f"recognizer '{part.name}' does not time phonemes. Choose one that does: --align {names}")
    own = device if device.type in spec.devices else torch.device("cpu")
    (selected,) = preflight(registry, {ALIGN: ("recognizer", (part.plugin or part.name,))}, device=own.type)[ALIGN]
    recognizer = build(selected, part.options, device=own)
    options = portable_options(recognizer, part.options)
    return Aligner(name=selected.name, recognizer=recognizer, options=options, device=own)


def open_codec(
    resolved: Resolved, registry: Registry, device: torch.device
) -> tuple[Codec, PluginIdentity, Mapping[str, Any]]:
    """The codec of a slot `codec`, who provided it, and its options as they are stored."""
    (selected,) = preflight(registry, resolved.choices(), device=device.type)["codec"]
    options = resolved.part("codec").options
    return build(selected, options, device=device), identity_of(selected), codec_options(options)
