"""Options as datasets and checkpoints carry them, so that a part can be built again where its files are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from valle_core.config.schema import Resolved


@runtime_checkable
class Portable(Protocol):
    """A part whose options name a file: it says them again with what the file told it instead."""

    def portable_options(self) -> Mapping[str, Any]:
        """Options (JSON values) that build an equal one where the file is missing; weights are stored apart."""
        ...


def with_absolute_paths(resolved: Resolved) -> Resolved:
    """The configuration with the paths among its parts' options absolute, so that it means the same everywhere.

    An option holds a path where it is a `Path`, or is called `weights` or `…_weights`.
    """
    parts = {
        slot: tuple(
            replace(part, options=part.options and replace(part.options, **absolute_weights(part.options)))
            for part in chain
        )
        for slot, chain in resolved.parts.items()
    }
    return replace(resolved, parts=parts)


def absolute(path: str) -> str:
    """The absolute form of a path that was given; "" stays what it is."""
    return str(Path(path).expanduser().absolute()) if path else ""


def absolute_weights(options: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in fields(options):
        value = getattr(options, item.name)
        if isinstance(value, Path):
            found[item.name] = value.expanduser().absolute()
        elif (item.name == "weights" or item.name.endswith("_weights")) and isinstance(value, str):
            found[item.name] = value if value == "random" else absolute(value)
    return found


def with_portable_arch(resolved: Resolved, backbone: Any) -> Resolved:
    """The configuration a checkpoint keeps: its backbone can be built where the weights it began with are gone."""
    if not isinstance(backbone, Portable):
        return resolved
    part = resolved.part("arch")
    options = replace(part.options, **backbone.portable_options())
    return replace(resolved, parts={**resolved.parts, "arch": (replace(part, options=options),)})
