"""Writes a resolved configuration so that reading it back gives an equal one."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml

from valle_core.config.schema import Part, Resolved
from valle_core.files import write_text


def to_plain(resolved: Resolved) -> dict[str, Any]:
    """Every slot and section with every option, defaults too, made of dicts, lists and scalars only."""
    tree: dict[str, Any] = {}
    for slot in resolved.schema.slots:
        parts = [_part(part) for part in resolved.parts[slot.name]]
        tree[slot.name] = parts if slot.many else (parts[0] if parts else None)
    for section in resolved.schema.sections:
        options = plain(resolved.sections[section.name])
        tree.update(options if section.flat else {section.name: options})
    return tree


def to_yaml(resolved: Resolved) -> str:
    """The YAML that `resolve` turns into an equal configuration."""
    return yaml.safe_dump(to_plain(resolved), sort_keys=False, allow_unicode=True, width=120)


def save(resolved: Resolved, path: str | Path) -> None:
    """Replace `path` by `to_yaml(resolved)` at once, so that no half-written file is ever seen."""
    write_text(Path(path), to_yaml(resolved))


def _part(part: Part) -> dict[str, Any]:
    return {"name": part.name, **(plain(part.options) or {})}


def plain(value: Any) -> Any:
    """Dataclasses, tuples, enumerations and paths as dicts, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"an option of type {type(value).__name__} cannot be written to YAML: {value!r}")
