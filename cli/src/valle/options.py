"""Options as Python writes them: keywords, dicts and lists that mean what the same keys mean in YAML."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeAlias

from valle_core.config.layer import flag_of
from valle_core.config.resolve import resolve
from valle_core.config.schema import Resolved, Schema, Slot
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry

PathLike: TypeAlias = str | os.PathLike[str]
"""A path: text, a `Path`, or what `valle.prepare` and `valle.train` return."""

Option: TypeAlias = str | int | float | bool | os.PathLike[str] | Sequence["Option"] | Mapping[str, "Option"] | None
"""A value of an option, as YAML would have it."""

Part: TypeAlias = str | Mapping[str, Option]
"""A plugin: its name, or `{"name": …, option: …}`."""


def resolved_from(
    schema: Schema, registry: Registry, options: Mapping[str, Option], config: PathLike | None = None
) -> Resolved:
    """A configuration from keywords, over a YAML file where one is named.

    Args:
        schema: what can be configured.
        registry: where plugins are found.
        options: top-level key → value. A plugin is a `Part`, a chain a list of them; the options of a section are a
            dict. None empties a slot.
        config: YAML file that `options` are laid over.

    Raises:
        UserError: a key that is not known or a value that does not fit, named by its key.
    """
    settings = [setting for key, value in options.items() for setting in _settings(schema, key, value)]
    try:
        return resolve(schema, registry, yaml_file=None if config is None else os.fspath(config), flags=settings)
    except UserError as error:
        error.args = (_by_key(str(error), [key for key, _ in settings]),)
        raise


def _settings(schema: Schema, key: str, value: Option) -> Iterator[tuple[str, Any]]:
    """The keys with dots, and their values, in the order written."""
    slot, section = schema.slot(key), schema.section(key)
    if slot is not None:
        yield from _of_slot(slot, value)
    elif section is None or section.flat:
        yield key, plain(value)
    elif isinstance(value, Mapping):
        yield from ((f"{key}.{name}", plain(item)) for name, item in value.items())
    elif value is not None:
        if not section.main or not isinstance(value, str | os.PathLike):
            raise UserError(f"{key}: expected a dict of options, got {value!r:.80}")
        yield key, plain(value)


def _of_slot(slot: Slot, value: Option) -> Iterator[tuple[str, Any]]:
    if value is None:
        yield slot.name, "none"
    elif isinstance(value, str | Mapping):
        yield from _of_part(slot, value)
    elif isinstance(value, Sequence) and slot.many:
        for part in value:
            yield from _of_part(slot, part)
        if not value:
            yield slot.name, "none"
    elif isinstance(value, Sequence):
        raise UserError(f"{slot.name}: takes one {slot.kind}, got a list")
    else:
        yield from _of_part(slot, value)


def _of_part(slot: Slot, part: Option) -> Iterator[tuple[str, Any]]:
    if isinstance(part, str):
        yield slot.name, part
        return
    if not isinstance(part, Mapping):
        raise UserError(f'{slot.name}: expected a name or {{"name": …, option: …}}, got {part!r:.80}')
    if "name" in part:
        if not isinstance(part["name"], str):
            raise UserError(f"{slot.name}: expected a name, got {part['name']!r:.80}")
        yield slot.name, part["name"]
    yield from ((f"{slot.name}.{name}", plain(value)) for name, value in part.items() if name != "name")


def plain(value: Option) -> Any:
    """Paths as text, and tuples as lists, however deep."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def named(path: PathLike, what: str) -> Path:
    """The path that was given. Raises `UserError` for no path, and for "", which would mean the current folder."""
    if not isinstance(path, str | os.PathLike):
        raise UserError(f"{what} must be a path, got {type(path).__name__}")
    if not os.fspath(path):
        raise UserError(f"{what} must be a path, got an empty text")
    return Path(path)


def expect(kind: type | UnionType, what: str, **values: object) -> None:
    """Raise `UserError` for the first value that is neither None nor of the kind; a bool is no number."""
    for name, value in values.items():
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise UserError(f"{name} must be {what}, got {value!r:.80}")


def _by_key(message: str, keys: Sequence[str]) -> str:
    """The message with the keys that were given as they were written: `steps` in place of `--steps`."""
    for key in sorted(set(keys), key=len, reverse=True):
        message = re.sub(rf"(?<![\w-]){re.escape(flag_of(key))}(?![\w.-]*\w)", key, message)
    return message
