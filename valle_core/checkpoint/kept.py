"""What a resumed run keeps of its checkpoint, although the defaults of today are others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.checkpoint.folder import read_manifest, saved_file
from valle_core.config.resolve import before_there_was, read_resolved
from valle_core.config.schema import Part, Resolved
from valle_core.plugin import BEFORE, UserError
from valle_core.registry.registry import Registry


def as_stored(resolved: Resolved, registry: Registry, checkpoint: Path) -> Resolved:
    """The configuration with the checkpoint's layout, decays and whatever else is younger than some checkpoint.

    Raises:
        UserError: such an option was given, and is not the checkpoint's.
    """
    stored = read_resolved(MODEL_SCHEMA, registry, saved_file(checkpoint, "model.yaml"), {})
    (asked,), (held,) = resolved.parts["arch"], stored.parts["arch"]
    if type(asked.options) is not type(held.options):
        return resolved  # another arch is refused by name when the weights are read
    arch = replace(asked, options=_kept(asked.options, held.options, "arch", checkpoint))
    tasks = tuple(_with_older_draws(part, read_manifest(checkpoint).task_options) for part in resolved.parts["task"])
    model = _kept(resolved.sections["model"], stored.sections["model"], "model", checkpoint)
    return replace(
        resolved,
        parts={**resolved.parts, "arch": (arch,), "task": tasks, "alignment": _alignment(resolved, stored, checkpoint)},
        sections={**resolved.sections, "model": model},
    )


def _alignment(resolved: Resolved, stored: Resolved, checkpoint: Path) -> tuple[Part, ...]:
    """The checkpoint's where it was left open. Raises `UserError` where another was asked for."""
    (asked, held) = (one.parts["alignment"] for one in (resolved, stored))
    if asked and asked[0].options is None:
        return held
    names = [part[0].name if part else "none" for part in (held, asked)]
    if names[0] == names[1]:
        return asked
    raise UserError(f"{checkpoint} was trained with --alignment {names[0]}, got {names[1]}; leave --alignment out")


def _with_older_draws(part: Part, stored: Mapping[str, Any]) -> Part:
    """A task as its checkpoint had it where that says nothing of an option, so that the run draws on as it began."""
    options = part.options
    older = {name: value for name, value in before_there_was(type(options)).items() if part.name not in stored}
    defaults = {item.name: item.default for item in fields(options)}
    kept = {name: value for name, value in older.items() if getattr(options, name) == defaults[name]}
    return replace(part, options=replace(options, **kept))


def _kept(asked: Any, held: Any, section: str, checkpoint: Path) -> Any:
    changes: Mapping[str, Any] = {
        item.name: getattr(held, item.name) for item in fields(asked) if BEFORE in item.metadata
    }
    for item in fields(asked):
        if item.name not in changes or getattr(asked, item.name) in (item.default, changes[item.name]):
            continue
        raise UserError(
            f"{checkpoint} was trained with {section}.{item.name} {changes[item.name]}, got "
            f"{getattr(asked, item.name)}; leave --{section}.{item.name.replace('_', '-')} out, or choose another --out"
        )
    return replace(asked, **changes)
