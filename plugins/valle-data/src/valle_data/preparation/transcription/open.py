"""From a configuration to a recognizer that is ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from valle_core.assemble.device import choose_device
from valle_core.assemble.part import build
from valle_core.config.schema import Resolved
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_data.preparation.stored_options import portable_options
from valle_data.preparation.transcription.transcriber import Transcriber


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A recognizer that is ready.

    Attributes:
        transcriber: the recognizer with what it may do and where.
        name: of the registry.
        options: stored beside what it transcribes, see `valle_core.assemble.portable`.
    """

    transcriber: Transcriber
    name: str
    options: Mapping[str, Any]


def open_recognizer(resolved: Resolved, registry: Registry, device: str, *, batch_seconds: float) -> Opened:
    """The recognizer of `TRANSCRIBE_SCHEMA`; `auto` takes the CPU where it runs on nothing else.

    Raises:
        UserError: a missing plugin, or a device that is not there or that it does not run on.
    """
    part = resolved.part("recognizer")
    target = choose_device(device)
    if device == "auto" and target.type not in registry.select("recognizer", part.name).spec.devices:
        target = choose_device("cpu")
    (selected,) = preflight(registry, resolved.choices(), device=target.type)["recognizer"]
    recognizer = build(selected, part.options, device=target)
    transcriber = Transcriber(recognizer, selected.spec.capabilities, batch_seconds=batch_seconds, device=target)
    return Opened(transcriber=transcriber, name=selected.name, options=portable_options(recognizer, part.options))
